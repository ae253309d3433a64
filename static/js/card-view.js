import { dimensions, errorText, fileSize, saving } from "./format.js";
import { showName } from "./file-name.js";
import { LoadingPicture } from "./loading-picture.js";
import { noteSentences, noteWords } from "./picture-notes.js";
import { forGrid, shownSize, smallVersion } from "./picture-sources.js";
import { placeholderImage } from "./placeholder.js";

const NARROWEST = 0.75;
const WIDEST = 4;
const TINY_PX = 240;
const CORNER_PX = 240; // a wider small version would hide what it lies on
const FAILED_RATIO = 1.6;
const SOFT_MS = 200;

/** One picture in the grid. Everything it shows comes from its card; `patch` brings a newer one. */
export class CardView {
  #options;
  #parts;
  #original;
  #small;
  #hinted = null; // the revision whose hint lies behind the picture
  element;
  card = null;

  /**
   * @param {{template: HTMLTemplateElement, config: object, now: () => number, onOpen: (id: string) => void,
   *          renew: (ids: string[]) => void}} options
   */
  constructor(card, options) {
    this.#options = options;
    this.element = options.template.content.firstElementChild.cloneNode(true);
    this.element.dataset.imageId = card.id;
    this.#parts = collect(this.element);
    const { now } = options;
    const onNeedsUrl = () => options.renew([card.id]);
    this.#original = new LoadingPicture(this.#parts.original, {
      now,
      onLoad: () => (this.#parts.note.hidden = true),
      onNeedsUrl,
      onGivenUp: () => this.#note(gettext("This picture can't be shown right now.")),
    });
    this.#small = new LoadingPicture(this.#parts.small, { now, onLoad: () => {}, onNeedsUrl, onGivenUp: () => {} });
    this.#parts.open.addEventListener("click", () => options.onOpen(card.id));
    this.patch(card);
  }

  /** Whether an address must be renewed before its picture can be loaded. */
  get needsUrl() {
    return this.card.status === "ready" && (this.#original.needsUrl || this.#small.needsUrl);
  }

  /** Puts the focus on the picture. */
  focus(options) {
    this.#parts.open.focus(options);
  }

  /** Shows `card` instead of what was shown before. */
  patch(card) {
    if (card === this.card) return;
    const previous = this.card;
    this.card = card;
    if (isSameTo(previous, card)) {
      if (card.status === "ready") this.#showPictures();
      return;
    }
    this.element.dataset.status = card.status;
    this.#shape();
    showName(this.#parts.name, card.original_name);
    const isReady = card.status === "ready";
    this.#parts.open.hidden = !isReady;
    if (isReady) this.#becomeReady();
    else this.#wait();
  }

  /** Takes the card out of the page, softly. */
  async leave() {
    this.element.classList.add("is-leaving");
    delete this.element.dataset.imageId;
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches && !document.hidden) {
      const gone = { opacity: 0, flexGrow: 0.01, flexBasis: 0 };
      await this.element.animate(gone, { duration: SOFT_MS, easing: "ease-out", fill: "forwards" }).finished;
    }
    this.#original.stop();
    this.element.remove();
  }

  #becomeReady() {
    const { card } = this;
    this.#parts.note.hidden = true;
    this.#parts.sizes.textContent = `${fileSize(card.original_size)} → ${fileSize(card.compressed_size)}`;
    this.#parts.saving.textContent = saving(card.reduction_percentage);
    this.#parts.notes.textContent = noteWords(card).join(" · ");
    this.#parts.notes.title = noteSentences(card).join(" ");
    this.#parts.open.ariaLabel = interpolate(gettext("Open %(name)s"), { name: card.original_name }, true);
    this.#parts.small.width = card.compressed_width;
    this.#parts.small.height = card.compressed_height;
    this.#showPictures();
  }

  #wait() {
    const { card } = this;
    const hasFailed = card.status === "failed";
    for (const image of [this.#parts.original, this.#parts.small]) image.hidden = true;
    this.#parts.backdrop.style.removeProperty("background-image");
    this.#hinted = null;
    this.#parts.notes.textContent = "";
    this.#note(hasFailed ? errorText(card.error, this.#options.config) : gettext("Being made"));
    this.#parts.sizes.textContent = hasFailed
      ? fileSize(card.original_size)
      : `${fileSize(card.original_size)}, ${dimensions(card.width, card.height)}`;
    this.#parts.saving.textContent = hasFailed ? gettext("Others don't see this.") : "";
  }

  #showPictures() {
    const { card } = this;
    const small = smallVersion(card);
    this.#original.show(forGrid(card));
    if (small.width <= CORNER_PX) this.#small.show(small);
    else this.#parts.small.hidden = true;
    if (this.#hinted === card.revision) return;
    this.#hinted = card.revision;
    this.#parts.backdrop.style.setProperty("background-image", placeholderImage(card) ?? `url("${small.url}")`);
  }

  #note(text) {
    this.#parts.note.textContent = text;
    this.#parts.note.hidden = false;
  }

  #shape() {
    const { status } = this.card;
    const { width, height } = shownSize(this.card);
    const ratio = status === "failed" ? FAILED_RATIO : width / height;
    const framed = Math.min(Math.max(ratio, NARROWEST), WIDEST);
    for (const [name, value] of Object.entries({ ratio: framed.toFixed(4), width: `${width}px`, height: `${height}px` })) {
      this.element.style.setProperty(`--${name}`, value);
    }
    this.element.classList.toggle("is-extreme", Math.abs(framed - ratio) > 0.02);
    this.element.classList.toggle("is-tiny", width <= TINY_PX && height <= TINY_PX);
  }
}

/** Whether two cards differ in nothing but their addresses. */
function isSameTo(previous, card) {
  return previous !== null && previous.seq === card.seq && previous.status === card.status;
}

function collect(element) {
  const find = (name) => element.querySelector(`.${name}`);
  return {
    backdrop: find("frame-backdrop"),
    original: find("frame-original"),
    small: find("frame-small"),
    note: find("frame-note"),
    open: find("card-open"),
    name: find("name"),
    sizes: find("card-sizes"),
    saving: find("card-saving"),
    notes: find("card-notes"),
  };
}
