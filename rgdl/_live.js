// The page of rgdl.live: asks for a few frames, and while it shows them for the next few.
// So the kernel is never far ahead of the screen, and a hidden, paused or closed page
// costs nothing.
const FRAMES = 6; // in one answer
const FASTEST = 1000 / 30; // milliseconds per frame
const SLOWEST = 1000 / 5;
const READING = 400; // milliseconds from one reading of numbers to the next
const SVG = "http://www.w3.org/2000/svg";

function add(parent, tag, attributes = {}, text = "") {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  parent.append(node);
  return node;
}

function draw(parent, tag, attributes, text = "") {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  parent.append(node);
  return node;
}

function colour(text) {
  const value = parseInt(text.slice(1), 16);
  // RGBA in memory, least significant byte first
  return ((255 << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

function makeImage(row, shape, label, colours) {
  const figure = add(row, "figure");
  const canvas = add(figure, "canvas", {
    width: shape[1], height: shape[0], role: "img", "aria-label": label,
  });
  const caption = add(figure, "figcaption", {}, label);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(shape[1], shape[0]);
  const pixels = new Uint32Array(picture.data.buffer);
  const show = (bits) => {
    for (let i = 0; i < pixels.length; i++) {
      pixels[i] = colours[(bits.getUint8(i >> 3) >> (i & 7)) & 1];
    }
    context.putImageData(picture, 0, 0);
  };
  return { show, caption };
}

// K_eff over the level: the flow of the nearest-neighbour coupling
function makeFlow(row, levels, critical) {
  const figure = add(row, "figure");
  const svg = draw(figure, "svg", {
    viewBox: "0 0 256 200", role: "img",
    "aria-label": "effective coupling K_eff of the lattice and of its block spins",
  });
  const x = (level) => 40 + (180 * level) / (levels - 1);
  const y = (k) => 166 - 150 * Math.min(k, 1);
  draw(svg, "path", { class: "axis", d: `M36 12 V166 H226` });
  for (const k of [0, 0.5, 1]) {
    draw(svg, "text", { x: 30, y: y(k) + 4, "text-anchor": "end" }, String(k));
  }
  for (let level = 0; level < levels; level++) {
    draw(svg, "text", { x: x(level), y: 182, "text-anchor": "middle" }, String(level));
  }
  draw(svg, "text", { x: 132, y: 197, "text-anchor": "middle" }, "level");
  draw(svg, "text", { x: 42, y: 11 }, "K_eff");
  draw(svg, "path", { class: "critical", d: `M36 ${y(critical)} H226` });
  draw(svg, "text", { x: 231, y: y(critical) + 4 }, "K_c");
  const line = draw(svg, "polyline", { class: "flow" });
  const dots = Array.from({ length: levels }, () => draw(svg, "circle", { r: 4 }));
  return (ks) => {
    line.setAttribute("points", ks.map((k, level) => `${x(level)},${y(k)}`).join(" "));
    dots.forEach((dot, level) => {
      dot.setAttribute("cx", x(level));
      dot.setAttribute("cy", y(ks[level]));
    });
  };
}

function render({ model, el }) {
  const set = model.get("settings");
  const root = add(el, "div", {
    class: "rgdl-live", role: "group", "aria-label": "Ising lattice and its block spins",
  });
  const controls = add(root, "div", { class: "controls" });
  const label = add(controls, "label", {}, "temperature T/J ");
  const slider = add(label, "input", {
    type: "range", min: set.coldest, max: set.hottest, step: 0.01, value: set.temperature,
    "aria-label": "temperature in units of J",
  });
  const reading = add(controls, "output", {}, set.temperature.toFixed(3));
  const toCritical = add(controls, "button", { type: "button" }, "to T_c");
  const pause = add(controls, "button", { type: "button" }, "pause");
  const status = add(controls, "span", { class: "status" });
  const row = add(root, "div", { class: "row" });
  const colours = [colour(set.down), colour(set.up)];
  const images = set.shapes.map((shape, level) =>
    makeImage(row, shape, `${level ? `block spins ${level}` : "lattice"}`, colours));
  const showFlow = makeFlow(row, set.shapes.length, set.k_critical);

  let temperature = set.temperature;
  let running = !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  let waiting = false;
  let closed = false;
  let planned = false;
  let queue = []; // frames to show
  let pace = FASTEST; // milliseconds from frame to frame
  let asked = 0;
  let shown = 0;
  let read = 0;
  let times = [];

  const setTemperature = (value) => {
    temperature = value;
    reading.textContent = value.toFixed(3);
    slider.setAttribute("aria-valuetext", value.toFixed(3));
  };
  const ask = (count) => {
    if (closed || waiting) return;
    waiting = true;
    asked = performance.now();
    model.send({ type: "frames", temperature, count });
  };
  const show = (frame, now) => {
    images.forEach((image, level) => image.show(frame.bits[level]));
    showFlow(frame.k_eff);
    times = times.filter((time) => now - time < 2000).concat(now);
    if (now - read < READING) return;
    read = now;
    set.shapes.forEach(([rows, columns], level) => {
      const k = frame.k_eff[level].toFixed(3);
      images[level].caption.textContent = `${rows} x ${columns}: K_eff ${k}`;
    });
    status.textContent = `${frame.sweeps} sweeps`;
    if (times.length < 2) return; // the first frame after a pause has no rate
    const rate = (1e3 * (times.length - 1)) / (now - times[0]);
    status.textContent = `${rate.toFixed(0)} frames/s, ${frame.sweeps} sweeps`;
    root.dataset.rate = rate.toFixed(2);
  };
  // A timer and then the screen's next picture: pictures alone would come too often.
  const next = () => {
    if (planned || closed) return;
    planned = true;
    const rest = Math.max(shown + pace - performance.now() - 4, 0);
    setTimeout(() => requestAnimationFrame(tick), rest);
  };
  const tick = (now) => {
    planned = false;
    if (closed) return;
    if (queue.length) {
      shown = now;
      show(queue.shift(), now);
    }
    if (running && queue.length <= FRAMES / 2) ask(FRAMES);
    if (queue.length) next();
  };
  const setRunning = (value) => {
    running = value;
    times = [];
    pause.textContent = running ? "pause" : "run";
    queue = running ? queue : [];
    waiting = false;
    if (running) next();
  };
  const receive = (content, buffers) => {
    waiting = false;
    if (content.type !== "frames") {
      setRunning(false);
      status.textContent = content.message;
      return;
    }
    if (!running && shown) return; // asked for before the pause
    const now = performance.now();
    const levels = set.shapes.length;
    const count = content.frames.length;
    // as fast as they can be made and sent
    const each = (now - asked) / count;
    pace = Math.min(Math.max(0.7 * pace + 0.3 * each, FASTEST), SLOWEST);
    content.frames.forEach((frame, i) => {
      frame.bits = buffers.slice(i * levels, (i + 1) * levels);
      queue.push(frame);
    });
    next();
  };

  slider.addEventListener("input", () => setTemperature(Number(slider.value)));
  slider.addEventListener("keydown", (event) => {
    // JupyterLab takes the arrow keys' default action away, so it is done here
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!steps) return;
    event.preventDefault();
    event.stopPropagation();
    slider.stepUp(steps);
    setTemperature(Number(slider.value));
  });
  toCritical.addEventListener("click", () => {
    setTemperature(1 / set.k_critical);
    slider.value = temperature;
  });
  pause.addEventListener("click", () => setRunning(!running));
  model.on("msg:custom", receive);
  setTemperature(temperature);
  pause.textContent = running ? "pause" : "run";
  if (running) next();
  else ask(1); // one picture where motion is not wanted
  return () => {
    closed = true;
    model.off("msg:custom", receive);
  };
}

export default { render };
