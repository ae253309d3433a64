import { count } from "./format.js";
import { SizeEstimates } from "./size-estimates.js";

/**
 * The files that wait for their uploader: those that came while size and format were being chosen. One button sends them;
 * until then each is told how large it will be, about.
 */
export class ChosenFiles {
  #options;
  #estimates;

  /**
   * @param {{choice: SizeAndFormat, queue: UploadQueue, place: HTMLElement, fallback: HTMLElement}} options
   *   `place` holds the button; `fallback` takes the focus when that goes
   */
  constructor(options) {
    this.#options = options;
    this.#estimates = new SizeEstimates((upload, bytes) => options.queue.estimated(upload, bytes));
  }

  start() {
    this.#button.addEventListener("click", this.#send);
  }

  stop() {
    this.#button.removeEventListener("click", this.#send);
    this.#estimates.stop();
  }

  /** Takes in files: they start at once, or wait while somebody is choosing. */
  take(files) {
    const { choice, queue } = this.#options;
    queue.add(files, { fields: choice.fields, isHeld: choice.isOpen || queue.chosen.length > 0 });
    this.update();
  }

  /** Looks again at what waits, and at the options. */
  update() {
    const { choice, queue, place } = this.#options;
    const { chosen } = queue;
    place.hidden = chosen.length === 0;
    this.#estimates.start(chosen, choice.options);
    if (place.hidden) return;
    const pattern = ngettext("Upload %(count)s picture", "Upload %(count)s pictures", chosen.length);
    this.#button.textContent = interpolate(pattern, { count: count(chosen.length) }, true);
  }

  get #button() {
    return this.#options.place.querySelector("button");
  }

  #send = () => {
    const { choice, queue, fallback } = this.#options;
    queue.send(choice.fields);
    this.update();
    fallback.focus({ preventScroll: true });
  };
}
