import { connectionText } from "./format.js";

/** The state of the connection, as a dot with a word. */
export class ConnectionBadge {
  #element;
  #announce;
  #word = null;

  constructor({ element, announce }) {
    this.#element = element;
    this.#announce = announce;
  }

  /** @param {"live"|"catching-up"|"reconnecting"|"offline"} word */
  show(word) {
    const before = this.#word;
    this.#word = word;
    this.#element.dataset.state = word;
    this.#element.textContent = connectionText(word);
    if (isWorthSaying(before, word)) this.#announce(connectionText(word));
  }
}

/** Losing the connection and getting it back are; the first moments of a page are not. */
function isWorthSaying(before, word) {
  if (before === null || before === word || word === "catching-up") return false;
  return word !== "live" || before === "reconnecting" || before === "offline";
}
