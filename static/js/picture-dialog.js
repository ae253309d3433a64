import { dimensions, fileSize, moment, saving } from "./format.js";
import { showName } from "./file-name.js";
import { LoadingPicture } from "./loading-picture.js";
import { noteSentences } from "./picture-notes.js";
import { forWindow, shownSize, smallVersion } from "./picture-sources.js";
import { placeholderImage } from "./placeholder.js";

const SWIPE_PX = 60;
const PICTURES_AHEAD = 5;

/** One picture, large, with its facts. Arrows and swipes go to its neighbours, Escape closes. */
export class PictureDialog {
  #dialog;
  #options;
  #parts;
  #picture;
  #card = null;
  #isWaiting = false; // for an older picture that is still to be loaded
  #hasFailed = false; // to load older ones; the next step tries again
  #touchedAt = null;

  /**
   * @param {{dialog: HTMLDialogElement, now: () => number, find: (id: string) => object|undefined,
   *          renew: (ids: string[]) => void, neighbour: (id: string, step: number) => object|null,
   *          hasOlder: () => boolean, loadOlder: () => Promise<boolean>, onClose: (card: object) => void}} options
   *   `hasOlder`: whether `loadOlder` can bring more neighbours
   */
  constructor(options) {
    this.#options = options;
    this.#dialog = options.dialog;
    this.#parts = collect(this.#dialog);
    this.#picture = new LoadingPicture(this.#parts.original, {
      now: options.now,
      onLoad: () => this.#reveal(),
      onNeedsUrl: () => options.renew([this.#card.id]),
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
    this.#isWaiting = this.#hasFailed = false;
    this.#parts.said.textContent = "";
    this.#show(this.#options.find(id));
    this.#dialog.showModal();
  }

  /** Takes over what changed while a picture is open; one that was removed makes room for its neighbour. */
  update() {
    if (!this.#dialog.open) return;
    const card = this.#options.find(this.#card.id);
    const next = this.#isWaiting ? this.#options.neighbour(this.#card.id, 1) : null;
    if (next) this.#goTo(next);
    else if (card?.status === "ready") this.#show(card);
    else this.#close();
  }

  #goTo(card) {
    this.#isWaiting = false;
    this.#show(card);
    this.#parts.said.textContent = card.original_name;
  }

  #show(card) {
    this.#card = card;
    showName(this.#parts.name, card.original_name);
    this.#parts.originalFacts.textContent = facts(card.original_size, card.width, card.height);
    this.#parts.smallFacts.textContent = facts(card.compressed_size, card.compressed_width, card.compressed_height);
    this.#parts.saving.textContent = saving(card.reduction_percentage);
    this.#parts.added.textContent = moment(card.created_at);
    this.#parts.notes.textContent = noteSentences(card).join(" ");
    this.#parts.unedited.hidden = !card.edit;
    if (card.edit) this.#parts.unedited.href = card.original_url;
    this.#showPicture(card);
    this.#showArrows(card);
    this.#readAhead(card);
  }

  /** Not `disabled`: that would drop the focus, and the arrow keys with it, at the end of the gallery. */
  #showArrows({ id }) {
    const { neighbour, hasOlder } = this.#options;
    this.#parts.newer.ariaDisabled = String(neighbour(id, -1) === null);
    this.#parts.older.ariaDisabled = String(neighbour(id, 1) === null && !hasOlder());
  }

  /** Loads older pictures before the last one is reached. */
  async #readAhead({ id }) {
    const { neighbour, hasOlder, loadOlder } = this.#options;
    if (this.#hasFailed || !hasOlder() || neighbour(id, PICTURES_AHEAD) !== null) return;
    try {
      await loadOlder();
    } catch {
      this.#hasFailed = true;
      this.#isWaiting = false;
    }
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
    const card = this.#options.neighbour(this.#card.id, step);
    this.#hasFailed = false;
    this.#isWaiting = !card && step > 0 && this.#options.hasOlder();
    if (card) this.#goTo(card);
    else this.#readAhead(this.#card);
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

  #onClose = () => this.#options.onClose(this.#card);
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
    said: find("picture-said"),
    originalFacts: find("picture-original-facts"),
    smallFacts: find("picture-small-facts"),
    saving: find("picture-saving"),
    added: find("picture-added"),
    notes: find("picture-notes"),
    unedited: find("picture-unedited"),
  };
}
