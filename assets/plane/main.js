// The component's entry: bytes make a carrier, a small object makes a plane, its pad or its brush.

import { carry, drop } from "./packs.js";
import { PartView } from "./partview.js";
import { LatentPlane } from "./plane.js";

const mounted = new WeakMap();

// What draws nothing takes no room: not even the gap between the elements of a page.
function takeNoRoom(root) {
  const frame = root.host?.closest?.("[data-testid=stElementContainer]");
  if (frame) frame.style.position = "absolute";
}

function mountCarrier(root, bytes) {
  const carrier = mounted.get(root) ?? {};
  mounted.set(root, carrier);
  takeNoRoom(root);
  carry(carrier, bytes);
  return () => {
    drop(carrier);
    mounted.delete(root);
  };
}

function mountPlane(root, component) {
  let plane = mounted.get(root);
  if (!plane) {
    plane = new LatentPlane(root);
    mounted.set(root, plane);
  }
  plane.receive(component);
  return () => {
    plane.release();
    mounted.delete(root);
  };
}

function mountPart(root, data) {
  const view = mounted.get(root) ?? new PartView(root);
  mounted.set(root, view);
  view.receive(data);
  return () => {
    view.release();
    mounted.delete(root);
  };
}

export default function latentPlane(component) {
  const { parentElement, data } = component;
  if (data instanceof Uint8Array) return mountCarrier(parentElement, data);
  if (data && data.role === "plane") return mountPlane(parentElement, component);
  if (data && (data.role === "pad" || data.role === "brush")) return mountPart(parentElement, data);
  takeNoRoom(parentElement); // it brings the code and nothing else
  return undefined;
}
