const IDLE_MS = 3_000;

/** The screen that a wall hangs on: stays awake, hides the idle pointer, fills the screen at a click or the key F. */
export class WallScreen {
  #onResize;
  #idleTimer = null;
  #lock = null;

  /** @param {{onResize: () => void}} options */
  constructor({ onResize }) {
    this.#onResize = onResize;
  }

  start() {
    addEventListener("resize", this.#onResize);
    addEventListener("pointermove", this.#wakePointer);
    addEventListener("click", this.#enterFullScreen);
    addEventListener("keydown", this.#onKey);
    document.addEventListener("visibilitychange", this.#stayAwake);
    this.#wakePointer();
    this.#stayAwake();
  }

  stop() {
    removeEventListener("resize", this.#onResize);
    removeEventListener("pointermove", this.#wakePointer);
    removeEventListener("click", this.#enterFullScreen);
    removeEventListener("keydown", this.#onKey);
    document.removeEventListener("visibilitychange", this.#stayAwake);
    clearTimeout(this.#idleTimer);
    this.#lock?.release();
  }

  #wakePointer = () => {
    clearTimeout(this.#idleTimer);
    delete document.body.dataset.idle;
    this.#idleTimer = setTimeout(() => {
      document.body.dataset.idle = "";
    }, IDLE_MS);
  };

  #onKey = (event) => {
    if (event.key.toLowerCase() !== "f" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.fullscreenElement) document.exitFullscreen();
    else this.#enterFullScreen();
  };

  #enterFullScreen = async (event) => {
    if (event?.target.closest?.("a") || document.fullscreenElement) return;
    await this.#stayAwake();
    try {
      await document.documentElement.requestFullscreen({ navigationUI: "hide" });
    } catch {
      // Not allowed here: the window serves as well.
    }
  };

  /** A lock is lost whenever the page is hidden. Browsers grant none on battery saver or without HTTPS. */
  #stayAwake = async () => {
    if (document.visibilityState !== "visible" || (this.#lock && !this.#lock.released)) return;
    try {
      this.#lock = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch {
      this.#lock = null;
    }
  };
}
