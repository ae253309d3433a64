import { dimensions, fileSize, pictureType, saving } from "./format.js";
import { noteSentences } from "./picture-notes.js";

/**
 * Original and small version side by side, from the file somebody chose and the card that came of it. The original is
 * shown from the file itself: it is here already.
 */
export class Comparison {
  #file;
  #url = null;
  element;

  /** `onMissing` is called when the small version can't be loaded: its address may have run out. */
  constructor({ template, file, card, onMissing }) {
    this.#file = file;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.#showOriginal(card);
    const { compressed_size: size, compressed_width: width, compressed_height: height, compressed_type: type } = card;
    this.#fill("result", { size, width, height, type, notes: noteSentences(card, "result") });
    this.#image("result").addEventListener("error", onMissing);
    this.show(card);
    showSaving(this.element.querySelector(".comparison-saving"), card.reduction_percentage);
  }

  /** Shows the small version at its present address. */
  show(card) {
    const image = this.#image("result");
    const url = card.compressed_data ?? card.compressed_url;
    const isMissing = image.complete && image.naturalWidth === 0;
    if (isMissing || image.getAttribute("src") !== url) image.src = url;
  }

  /** Lets go of the file. */
  close() {
    URL.revokeObjectURL(this.#url);
    this.element.remove();
  }

  #showOriginal(card) {
    const image = this.#image("original");
    this.#url = URL.createObjectURL(this.#file);
    image.addEventListener("error", () => (image.src = card.original_url), { once: true });
    image.src = this.#url;
    const { original_size: size, width, height, content_type: type } = card;
    this.#fill("original", { size, width, height, type, notes: noteSentences(card, "original") });
  }

  #fill(side, { size, width, height, type, notes }) {
    const figure = this.element.querySelector(`[data-side="${side}"]`);
    figure.querySelector(".comparison-size").textContent = fileSize(size);
    figure.querySelector(".comparison-dimensions").textContent = type
      ? `${pictureType(type)}, ${dimensions(width, height)}`
      : dimensions(width, height);
    figure.querySelector(".comparison-note").textContent = notes.join(" ");
    this.element.style.setProperty("--ratio", (width / height).toFixed(4));
  }

  #image(side) {
    return this.element.querySelector(`[data-side="${side}"] img`);
  }
}

/** "99.9 % smaller", with the figure large, wherever the language puts it. */
function showSaving(element, percentage) {
  const text = saving(percentage);
  element.classList.toggle("is-larger", percentage < 0);
  const figure = /[\d.,]+\s?%/u.exec(text)?.[0];
  if (!figure) {
    element.textContent = text;
    return;
  }
  const [before, after] = text.split(figure);
  const strong = document.createElement("strong");
  strong.textContent = figure;
  element.replaceChildren(before, strong, after);
}
