// Stands in a page for a plane, carrier or pad. Streamlit sends a component's code with each change of its data, and
// the plane's is some hundred kilobytes: so each has this for its code, and the plane's own comes once a page.

const KEY = Symbol.for("latent-explorer.plane");
const shared = (globalThis[KEY] ??= { show: null, waiting: new Map(), leaving: new WeakMap() });

export default function load(component) {
  const root = component.parentElement;
  if (shared.show) shared.leaving.set(root, shared.show(component));
  else shared.waiting.set(root, component);
  return () => {
    shared.waiting.delete(root);
    shared.leaving.get(root)?.();
  };
}
