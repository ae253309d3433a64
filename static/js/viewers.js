import { count, viewers } from "./format.js";

/** How many people are watching. */
export class Viewers {
  #element;

  constructor(element) {
    this.#element = element;
  }

  show(number) {
    this.#element.hidden = !(number > 0);
    this.#element.querySelector(".viewers-count").textContent = count(number);
    this.#element.querySelector(".viewers-text").textContent = viewers(number);
  }
}
