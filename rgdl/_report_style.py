"""The style sheet of reports: narrow and wide, light and dark, and in print."""

__all__ = ["STYLE"]

STYLE = """
.rgdl-report{--ink:#23282e;--soft:#5d6670;--line:#dedbd2;--paper:#fbfaf7;--card:#f4f2ec;
--good:#00644f;--bad:#a63a00;--open:#6b5200;--link:#1f5c99;
color:var(--ink);background:var(--paper);font:1.0625rem/1.6 Charter,"Bitstream Charter",
"Sitka Text",Cambria,Georgia,serif;max-width:48rem;margin:0 auto;
padding:1.5rem 1.25rem 4rem;box-sizing:border-box;overflow-wrap:break-word}
body.rgdl-page{margin:0;background:#fbfaf7}
.rgdl-report *{box-sizing:border-box}
.rgdl-report h1{font-size:2rem;line-height:1.2;font-weight:600;margin:1.5rem 0 .5rem;
letter-spacing:-.01em;color:inherit;text-wrap:balance}
.rgdl-report h2{font-size:1.35rem;line-height:1.3;font-weight:600;margin:3rem 0 .75rem;
color:inherit;text-wrap:balance}
.rgdl-report p{margin:.75rem 0}
.rgdl-report .lead{font-size:1.15rem;color:var(--soft)}
.rgdl-report figure{margin:1.5rem 0;padding:0;break-inside:avoid}
.rgdl-report figure img{display:block;max-width:100%;height:auto;margin:0 auto;
background:#fff;border:1px solid var(--line);border-radius:6px;padding:.75rem}
.rgdl-report figcaption,.rgdl-report .caption,.rgdl-report .rule{font-size:.9rem;
line-height:1.5;color:var(--soft);margin:.5rem 0 0}
.rgdl-report table,.rgdl-report .badge,.rgdl-report dl,.rgdl-report summary{
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
.rgdl-report .table{margin:1.5rem 0;break-inside:avoid}
.rgdl-report .scroll{overflow-x:auto;border-bottom:1px solid var(--line);
background:linear-gradient(90deg,var(--paper) 1rem,transparent) left/2.5rem 100% local,
linear-gradient(270deg,var(--paper) 1rem,transparent) right/2.5rem 100% local,
linear-gradient(90deg,var(--line),transparent) left/.75rem 100% scroll,
linear-gradient(270deg,var(--line),transparent) right/.75rem 100% scroll;
background-repeat:no-repeat}
.rgdl-report table{border-collapse:collapse;width:100%;font-size:.875rem;
line-height:1.4;font-variant-numeric:tabular-nums;color:inherit}
.rgdl-report th,.rgdl-report td{padding:.45rem .75rem .45rem 0;text-align:left;
vertical-align:top;border-top:1px solid var(--line);background:none}
.rgdl-report thead th{font-weight:600;border-top:0;border-bottom:1px solid var(--soft);
vertical-align:bottom}
.rgdl-report .n{text-align:right;white-space:nowrap}
.rgdl-report thead .n{white-space:normal}
.rgdl-report .why{color:var(--soft);white-space:normal}
.rgdl-report .time th{font-weight:400}
.rgdl-report .time .bar{width:55%;vertical-align:middle;padding-right:0}
.rgdl-report .time i{display:block;height:.6rem;border-radius:2px;
background:var(--link);min-width:1px;-webkit-print-color-adjust:exact;print-color-adjust:exact}
.rgdl-report .total th,.rgdl-report .total td{font-weight:600}
.rgdl-report .verdicts{background:var(--card);border-radius:8px;padding:1rem 1.25rem;
margin:1.5rem 0}
.rgdl-report .verdicts h2{margin:0 0 .5rem;font-size:1.1rem}
.rgdl-report .verdicts ul{list-style:none;margin:0;padding:0}
.rgdl-report .verdicts li{margin:0;border-top:1px solid var(--line)}
.rgdl-report .verdicts a{display:grid;grid-template-columns:13rem 1fr;gap:.25rem 1rem;
padding:.5rem 0;color:inherit;text-decoration:none;line-height:1.4;font-size:.975rem}
.rgdl-report .verdicts a:hover span{text-decoration:underline}
.rgdl-report .badge{font-size:.8rem;font-weight:600;line-height:1.75;white-space:nowrap}
.rgdl-report .badge.good{color:var(--good)}
.rgdl-report .badge.bad{color:var(--bad)}
.rgdl-report .badge.open{color:var(--open)}
.rgdl-report .verdict{border-left:4px solid var(--soft);background:var(--card);
border-radius:0 8px 8px 0;margin:1.5rem 0;padding:.75rem 1.25rem;break-inside:avoid}
.rgdl-report .verdict.good{border-color:var(--good)}
.rgdl-report .verdict.bad{border-color:var(--bad)}
.rgdl-report .verdict.open{border-color:var(--open)}
.rgdl-report .verdict .claim{margin:0}
.rgdl-report .verdict .claim .badge{display:block}
.rgdl-report dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));
gap:.35rem 1.5rem;margin:.75rem 0 0;font-size:.85rem;line-height:1.4;
font-variant-numeric:tabular-nums}
.rgdl-report dl div{min-width:0}
.rgdl-report dt{color:var(--soft);margin:0;font-weight:400}
.rgdl-report dd{margin:0;overflow-wrap:anywhere}
.rgdl-report details{margin:1rem 0;border-top:1px solid var(--line);padding-top:.75rem}
.rgdl-report summary{cursor:pointer;font-size:.9rem;color:var(--link)}
.rgdl-report pre{font:.75rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
overflow-x:auto;max-height:30rem;background:var(--card);padding:1rem;border-radius:6px;
color:inherit}
.rgdl-report .check{margin:.6rem 0 0;padding:.4rem 0 0}
.rgdl-report .check pre{white-space:pre-wrap;overflow-wrap:anywhere;
background:var(--paper);margin:.5rem 0 0;padding:.75rem}
.rgdl-report a:focus-visible,.rgdl-report summary:focus-visible,
.rgdl-report .scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
@media (max-width:36rem){.rgdl-report{font-size:1rem;padding:1rem 1rem 3rem}
.rgdl-report h1{font-size:1.6rem;margin-top:.75rem}
.rgdl-report .verdicts a{grid-template-columns:1fr;gap:0}
.rgdl-report .verdicts,.rgdl-report .verdict{padding:.75rem 1rem}
.rgdl-report figure img{padding:.35rem}
.rgdl-report th,.rgdl-report td{padding-right:.5rem}
.rgdl-report table{font-size:.8125rem}
.rgdl-report dl{grid-template-columns:repeat(auto-fill,minmax(9rem,1fr))}
.rgdl-report .time .bar{width:35%}}
@media (prefers-color-scheme:dark){.rgdl-report{--ink:#e4e1d9;--soft:#a3a8ad;
--line:#3a3f45;--paper:#17191c;--card:#202327;--good:#5fcfb0;--bad:#ff9a66;--open:#e3c46a;
--link:#8fbdf0}
body.rgdl-page{background:#17191c}}
@media print{.rgdl-report{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--card:#fff;
--good:#004d3d;--bad:#7a2b00;--open:#4d3b00;--link:#555;font-size:10.5pt;max-width:none;
padding:0}
body.rgdl-page{background:#fff}
.rgdl-report .scroll{overflow:visible;background:none}
.rgdl-report details:not(.check){display:none}
.rgdl-report .check::details-content{content-visibility:visible;height:auto}
.rgdl-report h2,.rgdl-report .verdict .claim,.rgdl-report summary{break-after:avoid}
.rgdl-report .verdict{break-inside:auto}
.rgdl-report .verdict dl,.rgdl-report tr{break-inside:avoid}
.rgdl-report dl{grid-template-columns:repeat(3,1fr)}
.rgdl-report .check pre{font-size:6.5pt;line-height:1.35;max-height:none;
overflow:visible;padding:0}
.rgdl-report figure img{width:auto;max-height:9.5cm;border:0;padding:0}
.rgdl-report .verdict,.rgdl-report .verdicts{border:1px solid #bbb;border-radius:0}
.rgdl-report .verdict{border-left-width:4px}}
""".strip()
