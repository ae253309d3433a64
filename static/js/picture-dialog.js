import { dimensions, fileSize, moment, saving } from "./format.js";
import { showName } from "./file-name.js";
import { LoadingPicture } from "./loading-picture.js";
import { noteSentences } from "./picture-notes.js";
import { forWindow, shownSize, smallVersion } from "./picture-sources.js";
import { placeholderImage } from "./placeholder.js";

const SWIPE_PX = 60;

/** One picture, large, with its facts. Arrows and swipes go to its neighbours, Escape closes. */
export class PictureDialog {
  #dialog;
  #options;
  #parts;
  #picture;
  #id = null;
  #touchedAt = null;

  /**
   * @param {{dialog: HTMLDialogElement, now: () => number, find: (id: string) => object|undefined,
   *          renew: (ids: string[]) => void, neighbour: (id: string, step: number) => object|null, onClose: (id: string) => void}} options
   */
  constructor(options) {
    this.#options = options;
    this.#dialog = options.dialog;
    this.#parts = collect(this.#dialog);
    this.#picture = new LoadingPicture(this.#parts.original, {
      now: options.now,
      onLoad: () => this.#reveal(),
      onNeedsUrl: () => options.renew([this.#id]),
      onGivenUp: () => this.#note(gettext("This picture can't be shown right now.")),
    });
  }

  start() {
    this.#parts.newer.addEventListener("click", this.#goNewer);
    this.#parts.older.addEventListener("click", this.#goOlder);
    this.#parts.close.addEventListener("click", this.#close);
    this.#dialog.addEventListener("click", this.#closeOutside);
    this.#dialog.addEventListener("keydown", this.#onKey);
    this.#dialog.addEventListener("close", this.#onClose);
    this.#parts.stage.addEventListener("pointerdown", this.#touch);
    this.#parts.stage.addEventListener("pointerup", this.#swipe);
  }

  stop() {
    this.#parts.newer.removeEventListener("click", this.#goNewer);
    this.#parts.older.removeEventListener("click", this.#goOlder);
    this.#parts.close.removeEventListener("click", this.#close);
    this.#dialog.removeEventListener("click", this.#closeOutside);
    this.#dialog.removeEventListener("keydown", this.#onKey);
    this.#dialog.removeEventListener("close", this.#onClose);
    this.#parts.stage.removeEventListener("pointerdown", this.#touch);
    this.#parts.stage.removeEventListener("pointerup", this.#swipe);
  }

  /** Opens the picture with this id. */
  open(id) {
    this.#show(this.#options.find(id));
    this.#dialog.showModal();
  }

  /** Takes over what changed while a picture is open; one that was removed makes room for its neighbour. */
  update() {
    if (!this.#dialog.open) return;
    const card = this.#options.find(this.#id);
    if (card?.status === "ready") this.#show(card);
    else this.#close();
  }

  #show(card) {
    this.#id = card.id;
    showName(this.#parts.name, card.original_name);
    this.#parts.originalFacts.textContent = facts(card.original_size, card.width, card.height);
    this.#parts.smallFacts.textContent = facts(card.compressed_size, card.compressed_width, card.compressed_height);
    this.#parts.saving.textContent = saving(card.reduction_percentage);
    this.#parts.added.textContent = moment(card.created_at);
    this.#parts.notes.textContent = noteSentences(card).join(" ");
    this.#parts.unedited.hidden = !card.edit;
    if (card.edit) this.#parts.unedited.href = card.original_url;
    // Not `disabled`: that would drop the focus, and the arrow keys with it, at the end of the gallery.
    this.#parts.newer.ariaDisabled = String(this.#options.neighbour(card.id, -1) === null);
    this.#parts.older.ariaDisabled = String(this.#options.neighbour(card.id, 1) === null);
    this.#showPicture(card);
  }

  #showPicture(card) {
    const { original } = this.#parts;
    const revision = `${card.id} ${card.revision}`;
    if (original.dataset.shown !== revision) {
      original.dataset.shown = revision;
      original.removeAttribute("srcset"); // or the last picture would stay until this one has arrived
      original.removeAttribute("src");
      original.alt = card.original_name;
      this.#hint(card);
      this.#note("");
    }
    this.#fit(shownSize(card));
    this.#picture.show({ ...forWindow(card), revision });
    const isLinkDead = card.edit && Date.parse(card.urls_expire_at) < this.#options.now();
    if (this.#picture.needsUrl || isLinkDead) this.#options.renew([card.id]);
  }

  /** The small version, and until that is there what the picture roughly looks like. */
  #hint(card) {
    const hints = [`url("${smallVersion(card).url}")`, placeholderImage(card)].filter(Boolean);
    this.#parts.original.style.setProperty("background-image", hints.join(", "));
  }

  #fit({ width, height }) {
    const look = { "--width": `${width}px`, "--height": `${height}px`, "--ratio": width / height };
    for (const [name, value] of Object.entries(look)) this.#parts.original.style.setProperty(name, value);
  }

  #reveal() {
    this.#parts.original.style.removeProperty("background-image");
    this.#note("");
  }

  #note(text) {
    this.#parts.note.hidden = text === "";
    this.#parts.note.textContent = text;
  }

  #step(step) {
    const card = this.#options.neighbour(this.#id, step);
    if (card) this.#show(card);
  }

  #goNewer = () => this.#step(-1);

  #goOlder = () => this.#step(1);

  #close = () => this.#dialog.close();

  #closeOutside = ({ target }) => {
    if (target === this.#dialog || target.classList.contains("picture-stage")) this.#close();
  };

  #onKey = ({ key }) => {
    if (key === "ArrowLeft") this.#step(-1);
    if (key === "ArrowRight") this.#step(1);
  };

  #touch = (event) => {
    this.#touchedAt = event.isPrimary && event.pointerType === "touch" ? event.clientX : null;
  };

  #swipe = ({ clientX }) => {
    const moved = this.#touchedAt === null ? 0 : clientX - this.#touchedAt;
    this.#touchedAt = null;
    if (Math.abs(moved) >= SWIPE_PX) this.#step(moved > 0 ? -1 : 1);
  };

  #onClose = () => this.#options.onClose(this.#id);
}

function facts(size, width, height) {
  return `${fileSize(size)}, ${dimensions(width, height)}`;
}

function collect(dialog) {
  const find = (name) => dialog.querySelector(`.${name}`);
  return {
    stage: find("picture-stage"),
    original: find("picture-original"),
    note: find("picture-note"),
    newer: find("picture-newer"),
    older: find("picture-older"),
    close: find("picture-close"),
    name: find("name"),
    originalFacts: find("picture-original-facts"),
    smallFacts: find("picture-small-facts"),
    saving: find("picture-saving"),
    added: find("picture-added"),
    notes: find("picture-notes"),
    unedited: find("picture-unedited"),
  };
}
