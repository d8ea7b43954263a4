// Ends the module that is sent once a page: hands `latentPlane` to the loaders, also those that were there before it.

{
  const KEY = Symbol.for("latent-explorer.plane");
  const shared = (globalThis[KEY] ??= { show: null, waiting: new Map(), leaving: new WeakMap() });
  // The first copy stays: what carriers have brought is in it.
  shared.show ??= latentPlane;
  for (const [root, component] of shared.waiting) shared.leaving.set(root, shared.show(component));
  shared.waiting.clear();
}
