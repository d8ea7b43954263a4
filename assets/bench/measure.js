// What `python -m vae_core bench plane` measures inside a page that shows a latent plane.

// Milliseconds: from one report of a mouse to the next, and a radian of the dial's way.
const MOUSE = 8;
const SWING = 1300;

const after = (callback) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = callback;
  return () => port2.postMessage(0);
};

// Waits until the graphics process has drawn: gl.finish() only flushes, while reading a pixel needs it.
const finishDrawing = (node) => {
  for (const canvas of node.querySelectorAll("canvas")) {
    const gl = canvas.getContext("webgl2");
    gl?.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }
};

// Milliseconds from pointer events (their own time stamps, which are when the browser received them) until a frame has
// been painted in which `arrived` holds. A message posted in a frame is handled when that frame's painting is done.
const watch = (node, eventName, remember, arrived) => {
  const samples = [];
  let pending = null;
  let settle = () => {};
  const request = () => requestAnimationFrame(afterPaint);
  const afterPaint = after(() => {
    if (!arrived(pending.before)) return request();
    samples.push(performance.now() - pending.time);
    pending = null;
    return settle();
  });
  const onEvent = (event) => {
    if (pending) return;
    pending = { time: event.timeStamp, before: remember() };
    request();
  };
  node.addEventListener(eventName, onEvent, { capture: true });
  return {
    samples,
    /** Resolves once there are so many samples. */
    until: (count) =>
      new Promise((resolve, reject) => {
        settle = () => samples.length >= count && resolve();
        settle();
        setTimeout(() => reject(new Error(`the plane does not follow ${eventName}`)), 20_000);
      }),
  };
};

window.planeBench = {
  /** From a move of the pointer over a plane to its decoded image, there or on a plane that shares the pointer. */
  watchHover(node, follower = node) {
    return watch(node, "pointermove", () => follower.dataset.z, (before) => follower.dataset.z !== before);
  },

  /** From the end of a click to the nearest encoded image, which the server sends; until then the last one is stale. */
  watchClicks(node) {
    const nearest = () => node.getRootNode().querySelector("[data-testid=nearest-original]");
    return watch(node, "pointerup", () => null, () => nearest()?.dataset.stale === "false");
  },

  /** From the end of a click to another posterior on the plane, whether the browser has inferred it or the server sent it. */
  watchPosterior(node) {
    const shown = () => `${node.dataset.foreseen} ${node.dataset.layers}`;
    return watch(node, "pointerup", shown, (before) => shown() !== before);
  },

  /** From the end of a click to other layers on the plane, which the server sends. */
  watchLayers(node) {
    return watch(node, "pointerup", () => node.dataset.layers, (before) => node.dataset.layers !== before);
  },

  /** Turns a dial to and fro for so many seconds, 125 times a second; resolves to the frames drawn in one. */
  async turnDial(node, dial, seconds) {
    const [low, high] = [Number(dial.min), Number(dial.max)];
    const counted = this.countDraws(node);
    const start = performance.now();
    for (let now = start; now - start < 1000 * seconds || counted.frames < 10; now = performance.now()) {
      dial.value = String(low + (high - low) * (0.5 + 0.45 * Math.sin((now - start) / SWING)));
      dial.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise((done) => setTimeout(done, MOUSE));
    }
    counted.stop();
    return counted.frames / counted.seconds;
  },

  /** The durations in milliseconds of the last measures of this name. */
  durations(name) {
    return performance.getEntriesByName(name, "measure").map((measure) => measure.duration);
  },

  /** Resolves once everything drawn so far is finished, in the graphics process too. */
  async finished(node) {
    await new Promise((resolve) => requestAnimationFrame(after(resolve)));
    finishDrawing(node);
  },

  /** Counts the frames in which points were drawn, each finished before it counts, until stopped. */
  countDraws(node) {
    const drawn = () => performance.getEntriesByName("latent-plane:draw", "measure").length;
    const start = performance.now();
    const counted = { frames: 0, seconds: 0 };
    let before = drawn();
    let running = true;
    const look = after(() => {
      const now = drawn();
      if (now !== before) {
        finishDrawing(node);
        counted.frames += 1;
        counted.seconds = (performance.now() - start) / 1000;
      }
      before = now;
      if (running) requestAnimationFrame(look);
    });
    requestAnimationFrame(look);
    counted.stop = () => {
      running = false;
    };
    return counted;
  },
};
