const APART_MS = 1_200;

/** Says things to people who listen to the page, one after the other; of many waiting at once only the last. */
export class Announcer {
  #element;
  #waiting = null;
  #timer = null;

  /** @param {HTMLElement} element a polite live region */
  constructor(element) {
    this.#element = element;
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** Says `text`, now or when what was said before had time to be heard. */
  say(text) {
    this.#waiting = text;
    if (this.#timer === null) this.#speak();
  }

  #speak = () => {
    this.#timer = null;
    if (this.#waiting === null) return;
    this.#element.textContent = this.#waiting;
    this.#waiting = null;
    this.#timer = setTimeout(this.#speak, APART_MS);
  };
}
