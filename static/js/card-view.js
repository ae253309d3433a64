import { dimensions, errorText, fileSize, saving } from "./format.js";
import { showName } from "./file-name.js";
import { LoadingPicture } from "./loading-picture.js";

const NARROWEST = 0.75;
const WIDEST = 4;
const TINY_PX = 240;
const FAILED_RATIO = 1.6;
const SOFT_MS = 200;

/** One picture in the grid. Everything it shows comes from its card; `patch` brings a newer one. */
export class CardView {
  #options;
  #parts;
  #backdrop;
  #original;
  #small;
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
    const quietly = { now, onLoad: () => {}, onNeedsUrl, onGivenUp: () => {} };
    this.#small = new LoadingPicture(this.#parts.small, quietly);
    this.#backdrop = new LoadingPicture(this.#parts.backdrop, quietly);
    this.#parts.open.addEventListener("click", () => options.onOpen(card.id));
    this.patch(card);
  }

  /** Whether an address must be renewed before its picture can be loaded. */
  get needsUrl() {
    const pictures = [this.#original, this.#small, this.#backdrop];
    return this.card.status === "ready" && pictures.some((picture) => picture.needsUrl);
  }

  /** Puts the focus on the picture. */
  focus() {
    this.#parts.open.focus();
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
    this.element.remove();
  }

  #becomeReady() {
    const { card } = this;
    this.#parts.note.hidden = true;
    this.#parts.sizes.textContent = `${fileSize(card.original_size)} → ${fileSize(card.compressed_size)}`;
    this.#parts.saving.textContent = saving(card.reduction_percentage);
    this.#parts.open.ariaLabel = interpolate(gettext("Open %(name)s"), { name: card.original_name }, true);
    this.#parts.small.width = card.compressed_width;
    this.#parts.small.height = card.compressed_height;
    this.#showPictures();
  }

  #wait() {
    const { card } = this;
    const hasFailed = card.status === "failed";
    for (const image of [this.#parts.backdrop, this.#parts.original, this.#parts.small]) image.hidden = true;
    this.#note(hasFailed ? errorText(card.error, this.#options.config) : gettext("Being made"));
    this.#parts.sizes.textContent = hasFailed
      ? fileSize(card.original_size)
      : `${fileSize(card.original_size)}, ${dimensions(card.width, card.height)}`;
    this.#parts.saving.textContent = hasFailed ? gettext("Others don't see this.") : "";
  }

  #showPictures() {
    const { card } = this;
    const { revision, urls_expire_at: expires } = card;
    const carried = card.compressed_data;
    const small = { url: carried ?? card.compressed_url, expires: carried ? null : expires, revision };
    this.#small.show(small);
    this.#backdrop.show(small);
    this.#original.show({ url: card.original_url, srcset: card.srcset, expires, revision });
  }

  #note(text) {
    this.#parts.note.textContent = text;
    this.#parts.note.hidden = false;
  }

  #shape() {
    const { width, height, status } = this.card;
    const ratio = status === "failed" ? FAILED_RATIO : width / height;
    const framed = Math.min(Math.max(ratio, NARROWEST), WIDEST);
    this.element.style.setProperty("--ratio", framed.toFixed(4));
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
  };
}
