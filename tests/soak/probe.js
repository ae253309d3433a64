/** What each screen of a soak is asked: whether anything on it is broken, and what it shows. */
(() => {
  const LOADING_MS = 10_000;
  const loadingSince = new WeakMap();

  /** The longest time, since the last `take()`, for which `isWrong()` held. */
  class Stopwatch {
    constructor(isWrong) {
      Object.assign(this, { isWrong, since: null, longest: 0 });
    }

    look() {
      const now = performance.now();
      this.since = this.isWrong() ? (this.since ?? now) : null;
      if (this.since !== null) this.longest = Math.max(this.longest, now - this.since);
    }

    take() {
      this.look();
      const { longest } = this;
      this.longest = 0;
      return longest;
    }
  }

  const wall = document.getElementById("wall");
  const stage = wall?.querySelector("[data-part=stage]");
  const badge = document.querySelector("#connection, [data-part=connection]");
  const notLive = new Stopwatch(() => (wall ? !badge.hidden : badge.dataset.state !== "live"));
  const bareStage = new Stopwatch(() => Boolean(stage?.hidden));
  for (const [element, watch] of [[badge, notLive], [stage, bareStage]]) {
    if (element) new MutationObserver(() => watch.look()).observe(element, { attributes: true });
  }

  function isOnScreen(element) {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    const { top, bottom, left, right } = element.getBoundingClientRect();
    return bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
  }

  const isBroken = (image) => image.complete && image.naturalWidth === 0;

  const nameOf = (image) => `${image.className} ${image.src}`;

  const brokenSince = []; // since the last look, however soon each was put right

  // A picture that can't be loaded is tried with a fresh address behind its placeholder: only what can be seen counts.
  document.addEventListener(
    "error",
    ({ target }) => {
      if (target instanceof HTMLImageElement && isOnScreen(target)) brokenSince.push(`broke: ${nameOf(target)}`);
    },
    { capture: true },
  );

  /** Whether the picture of a ready card has been on its way for long. */
  function isLate(card) {
    const original = card.querySelector(".frame-original");
    if (card.dataset.status !== "ready" || original.classList.contains("is-loaded")) {
      loadingSince.delete(card);
      return false;
    }
    if (!loadingSince.has(card)) loadingSince.set(card, performance.now());
    return performance.now() - loadingSince.get(card) > LOADING_MS;
  }

  function* problemsOfPage() {
    for (const card of document.querySelectorAll("#cards [data-image-id]")) {
      const name = card.querySelector(".name").textContent;
      if (!isOnScreen(card)) continue;
      if (isLate(card)) yield `${name} does not arrive`;
      if (card.dataset.status === "failed") yield `${name}: somebody else's failure`;
      const note = card.querySelector(".frame-note");
      if (isOnScreen(note) && card.dataset.status === "ready") yield `${name}: ${note.textContent}`;
    }
  }

  const small = new OffscreenCanvas(4, 4).getContext("2d", { willReadFrequently: true });

  function isBlank(canvas) {
    small.clearRect(0, 0, 4, 4);
    small.drawImage(canvas, 0, 0, 4, 4);
    const { data } = small.getImageData(0, 0, 4, 4);
    return data.some((value, index) => index % 4 === 3 && value < 255);
  }

  function* problemsOfWall() {
    if (wall.dataset.state !== "pictures") yield `the wall is ${wall.dataset.state}`;
    for (const canvas of wall.querySelectorAll("canvas")) {
      if (canvas.width === 0 || isBlank(canvas)) yield `${canvas.ariaLabel} is blank`;
    }
    if (wall.querySelectorAll("canvas").length > 40) yield "canvases pile up";
  }

  window.soak = {
    problems() {
      const broken = [...document.images].filter((image) => isOnScreen(image) && isBroken(image));
      return [
        ...brokenSince.splice(0),
        ...broken.map((image) => `broken: ${nameOf(image)}`),
        ...(wall ? problemsOfWall() : problemsOfPage()),
      ];
    },

    /** Milliseconds, at most, away from live and without a picture on stage since the last call. */
    waits: () => ({ "not live": notLive.take(), "bare stage": bareStage.take() }),

    shown() {
      const elements = document.querySelectorAll(wall ? ".wall__tile, [data-part=stage]:not([hidden])" : "#cards .card");
      const ids = [...elements].filter((element) => element.dataset.imageId);
      return ids.map(({ dataset }) => [dataset.imageId, dataset.status ?? "ready"]);
    },
  };
})();
