"""What an exact judgement of a mapping found, and how it prints."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

from rgdl.couplings import Couplings

__all__ = ["MappingReport"]

_IDENTITIES = {
    "h_rg": "H_RG[h] = H_RBM[h]",
    "trace": "ln Tr_h e^T = H[v] - H_RBM[v]",
    "delta_f": "F_h - F_v = ln Z_data - ln Z_lambda",
    "mean_trace": "ln <Tr_h e^T>_P = -Delta F",
    "push_bound": "KL(P_push || p_h) <= KL(P || p_RBM)",
    "normalised": "Tr_h p(h|v) = 1",
    "log_z": "ln Tr_h e^{-H_push} = ln Z_data",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class MappingReport:
    """What `verify` found. Energies are dimensionless, entropies in nats.

    With T(v,h) the coupling operator, P(v) the model's law and
    r(v) = ln Tr_h e^{T(v,h)}:

    Attributes
    ----------
    kind : {"joint", "conditional"}
    trace_constant : float
        <r>_P.
    trace_residual : float
        max_v abs(r(v) - <r>_P): the claim is that this is 0.
    trace_rms : float
        Standard deviation of r under P.
    kl : float or None
        KL(P || p_RBM) of the visible units; 0 exactly when the claim holds.
    delta_f : float or None
        F_h - F_v = log_z_v - log_z_h. Shifting E makes it 0: it alone decides nothing.
    log_z_v : float
        ln Z of the model (data).
    log_z_h : float or None
        ln Z of the machine; for a conditional, of H_push.
    h_model : Couplings or None
        Couplings of H_RG[h] = -ln Tr_v e^{-E(v,h)}.
    h_push : Couplings or None
        Couplings of H_push[h] = -ln Tr_v e^{-H[v]} p(h|v), the model's law pushed
        forward. It keeps the model's normalisation: its partition function is Z_data.
    kl_push : float or None
        KL(P_push || p_h) of the hidden units, at most `kl`.
    identities : mapping of str to float or None
        Largest violation of each algebraic identity, computed along two routes: these
        test the code, not the physics.
    reasons : mapping of str to str
        Why a field is None.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((4, 4), K=rgdl.exact.K_CRITICAL)
    >>> report = rgdl.mapping.verify(model, rgdl.rg.MajorityRule())
    >>> report.kind, report.trace_residual, round(report.h_push["nn"], 9)
    ('conditional', 0.0, 0.692900342)
    """

    kind: str
    model: str
    machine: str
    trace_constant: float
    trace_residual: float
    trace_rms: float
    kl: float | None
    delta_f: float | None
    log_z_v: float
    log_z_h: float | None
    h_model: Couplings | None
    h_push: Couplings | None
    kl_push: float | None
    identities: Mapping[str, float | None]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def holds(self, tolerance: float = 1e-10) -> bool | None:
        """Whether the trace condition is met: the claim of an exact mapping.

        Parameters
        ----------
        tolerance : float, default 1e-10
            Largest allowed `trace_residual`.

        Returns
        -------
        bool or None
            None for a conditional, where the condition is empty.

        Examples
        --------
        >>> import rgdl
        >>> report = rgdl.mapping.verify(rgdl.Ising(4, K=1.0), rgdl.rg.Decimation())
        >>> report.holds() is None
        True
        """
        if self.kind == "conditional":
            return None
        return self.trace_residual <= tolerance

    def _sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        if self.kind == "joint":
            claim = (
                "Claim (the physics): Tr_h e^T is the same for every v",
                [
                    ("max |r - <r>|", f"{self.trace_residual:.3g}"),
                    ("rms of r under P", f"{self.trace_rms:.3g}"),
                    ("KL(P || p_RBM)", self._text("kl", self.kl)),
                    ("verdict", "holds" if self.holds() else "does not hold"),
                ],
            )
        else:
            claim = (
                "Trace condition: holds by construction for any p(h|v), tells nothing",
                [("max |r - <r>|", f"{self.trace_residual:.3g}")],
            )
        identities = [
            (_IDENTITIES[name], self._text(name, value, digits=2))
            for name, value in self.identities.items()
        ]
        numbers = [
            ("<r>_P", f"{self.trace_constant:.12g}"),
            ("ln Z_data", f"{self.log_z_v:.12g}"),
            (
                "ln Z_lambda" if self.kind == "joint" else "ln Z_push",
                self._text("log_z_h", self.log_z_h),
            ),
            ("Delta F = F_h - F_v", self._text("delta_f", self.delta_f)),
            ("KL(P_push || p_h)", self._text("kl_push", self.kl_push)),
        ]
        return [
            claim,
            ("Identities (true for any weights; they test the code)", identities),
            ("Numbers", numbers),
        ]

    def _text(self, name: str, value: float | None, digits: int = 12) -> str:
        if value is None:
            return f"not available: {self.reasons.get(name, 'not computed')}"
        return f"{value:.{digits}g}"

    def _couplings(self) -> list[tuple[str, str]]:
        result = []
        for name, title in (
            ("h_model", "Couplings of H_RG[h], from the joint machine"),
            ("h_push", "Couplings of H_push[h], the model's law pushed forward"),
        ):
            couplings = getattr(self, name)
            text = self._text(name, None) if couplings is None else repr(couplings)
            result.append((title, text))
        return result

    def __repr__(self) -> str:
        lines = [f"Mapping of {self.model} by the {self.kind} {self.machine}"]
        for title, rows in self._sections():
            width = max(len(name) for name, _ in rows)
            lines += ["", title, *(f"   {name:{width}}  {text}" for name, text in rows)]
        for title, text in self._couplings():
            lines += ["", title, *(f"   {line}" for line in text.splitlines())]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        title = f"Mapping of {self.model} by the {self.kind} {self.machine}"
        parts = [f"<p><b>{html.escape(title)}</b></p>"]
        for title, rows in self._sections():
            body = "".join(
                f"<tr><td>{html.escape(name)}</td><td>{html.escape(text)}</td></tr>"
                for name, text in rows
            )
            parts.append(
                f"<table><caption>{html.escape(title)}</caption>{body}</table>"
            )
        for title, text in self._couplings():
            parts.append(f"<p>{html.escape(title)}</p><pre>{html.escape(text)}</pre>")
        return "".join(parts)
