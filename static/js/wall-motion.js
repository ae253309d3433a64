const GLIDE_MS = 900;
const FADE_MS = 400;
const EASING = "cubic-bezier(0.3, 0, 0.1, 1)";

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether nothing is to move. On a hidden page no animation ever ends, so what waits for its end would pile up. */
const isStill = () => reducedMotion.matches || document.hidden;

/** Lets an element that already stands in its new place travel there from where it was seen before. */
export function glide(element, from) {
  cancel(element);
  const to = element.getBoundingClientRect();
  const isSame = ["left", "top", "width", "height"].every((side) => Math.abs(from[side] - to[side]) < 1);
  if (isStill() || isSame || !to.width || !to.height) return;
  const shift = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
  const scale = `scale(${from.width / to.width}, ${from.height / to.height})`;
  element.animate([{ transform: `${shift} ${scale}`, zIndex: 1 }, { transform: "none", zIndex: 1 }], {
    duration: GLIDE_MS,
    easing: EASING,
  });
}

/** Lets an element come out of the dark. */
export function appear(element) {
  if (!isStill()) element.animate([{ opacity: 0 }, { opacity: 1 }], { duration: FADE_MS, easing: "ease-out" });
}

/** Lets an element go, then calls `afterwards`. */
export function disappear(element, afterwards) {
  if (isStill()) {
    afterwards();
    return;
  }
  const animation = element.animate([{ opacity: 1 }, { opacity: 0 }], { duration: FADE_MS, easing: "ease-in" });
  animation.finished.then(afterwards, afterwards);
}

function cancel(element) {
  for (const animation of element.getAnimations()) animation.cancel();
}
