import { Comparison } from "./comparison.js";
import { errorText, fileSize, percent, roughSize, saving } from "./format.js";
import { showName, textOf } from "./file-name.js";
import { noteWords } from "./picture-notes.js";
import { drawPreview } from "./preview.js";
import { UploadQueue } from "./upload-queue.js";

const AT_REST = new Set(["chosen", "ready", "failed", "cancelled"]);

/** One file in "Your uploads": what it is, how far it has come, what can be done about it. */
export class UploadRow {
  #upload;
  #options;
  #parts;
  #comparison = null;
  element;

  /**
   * @param {{rowTemplate: HTMLTemplateElement, comparisonTemplate: HTMLTemplateElement, config: object,
   *          onCancel: () => void, onRetry: () => void, onDismiss: () => void, onMissing: () => void}} options
   *   `onMissing`: the card's addresses don't work any more
   */
  constructor(upload, options) {
    this.#upload = upload;
    this.#options = options;
    this.element = options.rowTemplate.content.firstElementChild.cloneNode(true);
    this.#parts = collect(this.element);
    const name = textOf(upload.file.name);
    showName(this.#parts.name, name);
    this.#parts.size.textContent = fileSize(upload.file.size);
    this.#nameControls(name);
    this.#parts.compare.addEventListener("click", () => this.toggle());
    this.#parts.cancel.addEventListener("click", () => options.onCancel());
    this.#parts.retry.addEventListener("click", () => options.onRetry());
    this.#parts.dismiss.addEventListener("click", () => options.onDismiss());
    this.element.addEventListener("focusin", () => this.element.classList.add("is-used"));
    this.#showPreview();
    this.patch();
  }

  get #isLarger() {
    const { state, card } = this.#upload;
    return state === "ready" && card.reduction_percentage < 0;
  }

  get isOpen() {
    return this.#comparison !== null;
  }

  /** Shows the upload as it is now. */
  patch() {
    const { state, progress } = this.#upload;
    const focused = this.element.contains(document.activeElement) ? document.activeElement : null;
    this.element.dataset.state = state;
    this.#parts.fill.style.setProperty("--progress", progress.toFixed(4));
    this.#parts.bar.setAttribute("aria-valuenow", Math.round(progress * 100));
    this.#parts.bar.hidden = AT_REST.has(state);
    this.#parts.state.textContent = stateText(this.#upload, this.#options.config);
    this.#parts.state.classList.toggle("is-larger", this.#isLarger);
    this.#parts.compare.hidden = state !== "ready";
    this.#parts.cancel.hidden = !UploadQueue.canCancel(this.#upload);
    this.#parts.retry.hidden = !UploadQueue.canRetry(this.#upload);
    this.#parts.dismiss.hidden = !AT_REST.has(state);
    if (focused?.hidden) this.#keepFocus();
    if (state === "ready") this.#comparison?.show(this.#upload.card);
    else this.#close();
  }

  /** Opens or closes the comparison. */
  toggle() {
    if (this.isOpen) this.#close();
    else this.#open();
  }

  /** Lets go of everything the row holds. */
  remove() {
    this.#close();
    this.element.remove();
  }

  #open() {
    const { file, card } = this.#upload;
    const { comparisonTemplate: template, onMissing } = this.#options;
    this.#comparison = new Comparison({ template, file, card, onMissing });
    this.element.append(this.#comparison.element);
    this.#tellOpen();
  }

  #close() {
    this.#comparison?.close();
    this.#comparison = null;
    this.#tellOpen();
  }

  #tellOpen() {
    this.element.classList.toggle("is-open", this.isOpen);
    this.#parts.compare.setAttribute("aria-expanded", String(this.isOpen));
  }

  /** The button with the focus went away: the focus goes to the one that takes its place, else to the row. */
  #keepFocus() {
    this.element.tabIndex = -1;
    ([this.#parts.retry, this.#parts.cancel].find((button) => !button.hidden) ?? this.element).focus();
  }

  #nameControls(name) {
    this.#parts.bar.setAttribute("aria-label", name);
    for (const button of [this.#parts.compare, this.#parts.retry, this.#parts.cancel, this.#parts.dismiss]) {
      button.setAttribute("aria-label", `${button.textContent.trim()}: ${name}`);
    }
  }

  async #showPreview() {
    const { canvas } = this.#parts;
    if (!(await drawPreview(this.#upload.file, canvas))) return;
    canvas.hidden = false;
    canvas.previousElementSibling.setAttribute("hidden", "");
  }
}

/** What an upload is doing, in words. */
export function stateText(upload, config) {
  const { state, progress, code, detail } = upload;
  const texts = {
    chosen: () => chosenText(upload.estimate),
    waiting: () => gettext("Waiting"),
    uploading: () => uploadingText(Math.floor(progress * 100)),
    complete: () => gettext("Uploaded"),
    held: () => errorText(code),
    offline: () => gettext("No connection; it goes on by itself"),
    processing: () => gettext("Making the small version"),
    ready: () => readyText(upload),
    failed: () => (code === "unknown" && detail ? detail : errorText(code, config)),
    cancelled: () => gettext("Cancelled"),
  };
  return texts[state]();
}

function chosenText(estimate) {
  if (estimate === null) return gettext("Ready to upload");
  return interpolate(gettext("Becomes about %(size)s"), { size: roughSize(estimate) }, true);
}

function readyText({ card, isDuplicate }) {
  if (isDuplicate) return gettext("You had already added this picture.");
  return [saving(card.reduction_percentage), ...noteWords(card)].join(" · ");
}

function uploadingText(percentage) {
  return interpolate(gettext("Uploading, %(percentage)s"), { percentage: percent(percentage) }, true);
}

function collect(element) {
  const find = (name) => element.querySelector(`.${name}`);
  return {
    canvas: element.querySelector("canvas"),
    name: find("name"),
    size: find("upload-size"),
    bar: find("upload-bar"),
    fill: find("upload-fill"),
    state: find("upload-state"),
    compare: find("upload-compare"),
    retry: find("upload-retry"),
    cancel: find("upload-cancel"),
    dismiss: find("upload-dismiss"),
  };
}
