const MOST_TRIES = 3;
const RENEW_BEFORE_MS = 90_000;

/**
 * An <img> whose address runs out. It takes a new address only while it has something left to load: a picture that is
 * on the screen is left alone, unless there is a larger one.
 */
export class LoadingPicture {
  #image;
  #options;
  #shown = { revision: null, width: 0, srcset: null };
  #expires = null;
  #misses = 0;
  #failed = false;

  /**
   * @param {{now: () => number, onLoad: () => void, onNeedsUrl: () => void, onGivenUp: () => void}} options
   *   `now`: the present by the clock of the server, which decides when the address runs out
   */
  constructor(image, options) {
    this.#image = image;
    this.#options = options;
    image.addEventListener("load", () => this.#loaded());
    image.addEventListener("error", () => this.#missed());
  }

  get isLoaded() {
    return this.#image.complete && this.#image.naturalWidth > 0;
  }

  /** Whether its address could not be loaded, has run out, or is about to before anybody has looked at it. */
  get needsUrl() {
    if (this.#failed) return true;
    return this.#expires !== null && !this.isLoaded && this.#expires - this.#options.now() < RENEW_BEFORE_MS;
  }

  /**
   * Shows this picture: `url` (and `srcset`, of which the widest has `width` pixels) valid until `expires` (ISO time or
   * null), of this revision. An address that has run out, as that of a card which was held back for long, is not tried.
   */
  show({ url, srcset = null, sizes = null, width = 0, expires = null, revision }) {
    this.#image.hidden = false;
    if (revision !== this.#shown.revision) this.#startOver();
    else if (!this.needsUrl && !this.#isBetter(width, srcset)) return;
    this.#shown = { revision, width, srcset };
    this.#expires = expires === null ? null : Date.parse(expires);
    this.#failed = this.#expires !== null && this.#expires <= this.#options.now();
    if (this.#failed) {
      this.#options.onNeedsUrl();
      return;
    }
    for (const [name, value] of Object.entries({ sizes, srcset })) {
      if (value) this.#image.setAttribute(name, value);
      else this.#image.removeAttribute(name);
    }
    this.#image.src = url;
  }

  /** Lets go of the image, before it leaves the page: Chromium keeps one with automatic sizes, and all around it. */
  stop() {
    for (const name of ["src", "srcset", "sizes"]) this.#image.removeAttribute(name);
  }

  /** A wider picture always is; a choice of widths is while nothing has been loaded. */
  #isBetter(width, srcset) {
    if (width > this.#shown.width) return true;
    return !this.isLoaded && srcset !== null && this.#shown.srcset === null;
  }

  #startOver() {
    this.#misses = 0;
    this.#image.classList.remove("is-loaded");
  }

  #loaded() {
    this.#misses = 0;
    this.#image.classList.add("is-loaded");
    this.#options.onLoad();
  }

  #missed() {
    this.#failed = true;
    this.#misses += 1;
    if (this.#misses < MOST_TRIES) this.#options.onNeedsUrl();
    else this.#options.onGivenUp();
  }
}
