const AHEAD_PX = 1_500;
const PAUSE_MS = 3_000;

/** Loads the next page when the end of the gallery comes near. The button does the same by hand, after a failure. */
export class OlderPages {
  #end;
  #button;
  #loadMore;
  #observer;
  #isLoading = false;
  #looking = null;
  #pause = null;

  /** @param {{end: HTMLElement, button: HTMLElement, loadMore: () => Promise<boolean>}} options */
  constructor({ end, button, loadMore }) {
    this.#end = end;
    this.#button = button;
    this.#loadMore = loadMore;
    this.#observer = new IntersectionObserver(() => this.#loadIfNear(), { rootMargin: `${AHEAD_PX}px` });
  }

  start() {
    this.#observer.observe(this.#end);
    this.#button.addEventListener("click", this.#load);
  }

  stop() {
    this.#observer.disconnect();
    this.#button.removeEventListener("click", this.#load);
    clearTimeout(this.#pause);
    cancelAnimationFrame(this.#looking);
  }

  /** Looks again once a change of the gallery has been drawn: its end may still be near without having moved. */
  check() {
    // One look a frame: a hidden page draws none, and changes come all the same.
    this.#looking ??= requestAnimationFrame(() => {
      this.#looking = null;
      this.#loadIfNear();
    });
  }

  #loadIfNear() {
    const isNear = this.#end.getBoundingClientRect().top < innerHeight + AHEAD_PX;
    if (isNear && !this.#isLoading && this.#pause === null) this.#load();
  }

  #load = async () => {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      const wasMore = await this.#loadMore();
      if (wasMore) this.check();
      this.#button.parentElement.hidden = true;
    } catch {
      this.#button.parentElement.hidden = false;
      this.#pause = setTimeout(() => {
        this.#pause = null;
        this.check();
      }, PAUSE_MS);
    } finally {
      this.#isLoading = false;
    }
  };
}
