import { fileFor } from "./picture-sources.js";

const AT_ONCE = 4;
const LOAD_LIMIT_MS = 30_000;
const EXPIRY_MARGIN_MS = 30_000;
const FIRST_RETRY_MS = 5_000;
const PATIENT_AFTER = 3;
const LONGEST_RETRY_MS = 5 * 60_000;
const FIRST_LONGEST = 960;
const LARGEST = 2_560;
const SPARE = 1.3; // so that a place may grow a little without loading again

/**
 * The decoded pictures of a wall: fetched and decoded off-screen, kept as canvases of the size they are shown in, so
 * that days of pictures cost no more memory than one screen. A picture that can't be loaded is never handed out.
 */
export class WallPictures {
  #now;
  #renew;
  #onLoaded;
  #entries = new Map();
  #loading = 0;

  /**
   * @param {{now: () => number, renew: (ids: string[]) => void, onLoaded: (id: string) => void}} options
   *   `now`: the present by the clock of the server, which decides when URLs run out; `renew` asks for fresh URLs; they come with a later call of `want`
   */
  constructor({ now, renew, onLoaded }) {
    this.#now = now;
    this.#renew = renew;
    this.#onLoaded = onLoaded;
  }

  /** Whether pictures are on their way. */
  get busy() {
    return this.#loading > 0;
  }

  /** Loads these cards' pictures, in this order, and lets go of all others. */
  want(cards) {
    const ids = new Set(cards.map((card) => card.id));
    for (const [id, entry] of this.#entries) if (!ids.has(id)) this.#release(id, entry);
    const entries = new Map();
    for (const card of cards) {
      const entry = this.#entries.get(card.id) ?? { canvas: null, failures: 0, longest: FIRST_LONGEST, loaded: 0 };
      if (entry.card && entry.card !== card) takeNews(entry, card);
      entry.card = card;
      entries.set(card.id, entry);
    }
    this.#entries = entries;
    this.#loadNext();
  }

  /** Loads at once what could not be loaded: the server is there again. */
  tryAgain() {
    for (const entry of this.#entries.values()) if (entry.failures) Object.assign(entry, { failures: 0, waiting: false });
    this.#loadNext();
  }

  /** The picture as a canvas, or undefined while it isn't decoded. */
  get(id) {
    return this.#entries.get(id)?.canvas ?? undefined;
  }

  /** Makes the picture right for a place whose longer side is `longest` device pixels. */
  fit(id, longest) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.longest = Math.min(LARGEST, Math.ceil(longest));
    if (isTooSmall(entry)) this.#loadNext();
    else if (entry.loaded > entry.longest * 2.5) this.#shrink(entry);
  }

  #release(id, entry) {
    entry.card = null;
    this.#entries.delete(id);
  }

  #loadNext() {
    for (const [id, entry] of this.#entries) {
      if (this.#loading >= AT_ONCE) return;
      if (entry.isLoading || entry.waiting || !isTooSmall(entry)) continue;
      if (mayHaveExpired(entry, this.#now())) this.#renewFirst(id, entry);
      else this.#load(id, entry);
    }
  }

  async #load(id, entry) {
    const { card } = entry;
    const longest = entry.longest * SPARE;
    entry.isLoading = true;
    this.#loading += 1;
    try {
      const file = fileFor(card, longest);
      const bitmap = await decoded(file.url, longest);
      show(entry, card, bitmap, Math.min(longest, file.longest));
      entry.failures = 0;
    } catch {
      entry.failures += 1;
      entry.isFresh = false;
      if (entry.card) this.#renewFirst(id, entry);
    }
    entry.isLoading = false;
    this.#loading -= 1;
    this.#loadNext();
    if (entry.card) this.#onLoaded(id);
  }

  /** Waits for a fresh URL, or tries the old one again after a while. */
  #renewFirst(id, entry) {
    entry.waiting = true;
    this.#renew([id]);
    const patience = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** entry.failures);
    setTimeout(() => {
      entry.waiting = false;
      entry.isFresh = true;
      if (entry.card) this.#loadNext();
    }, patience);
  }

  async #shrink(entry) {
    const { card } = entry;
    const longest = entry.longest * SPARE;
    entry.loaded = longest;
    try {
      show(entry, card, await createImageBitmap(entry.canvas, sizeWithin(entry.canvas, longest)), longest);
    } catch {
      // It stays as large as it is.
    }
  }
}

/** What the server says of a card now: its URLs are fresh, whatever the clock of this screen says. */
function takeNews(entry, card) {
  entry.isFresh = true;
  if (entry.failures < PATIENT_AFTER) entry.waiting = false;
  if (entry.card.revision !== card.revision) Object.assign(entry, { failures: 0, loaded: 0 });
}

const mayHaveExpired = ({ card, isFresh }, now) =>
  !isFresh && Date.parse(card.urls_expire_at) - now < EXPIRY_MARGIN_MS;

const isTooSmall = ({ canvas, loaded, longest, card }) =>
  !canvas || (loaded < longest && loaded < fileFor(card, Infinity).longest);

/** The bitmap at `url`, upright, its longer side at most `longest`. Rejects when it can't be fetched or decoded. */
async function decoded(url, longest) {
  const image = new Image();
  const limit = setTimeout(() => {
    image.src = "";
  }, LOAD_LIMIT_MS);
  try {
    image.src = url;
    await (document.hidden ? arrived(image) : image.decode());
    const natural = { width: image.naturalWidth, height: image.naturalHeight };
    return await createImageBitmap(image, sizeWithin(natural, longest));
  } finally {
    clearTimeout(limit);
  }
}

/** A picture that has come but isn't decoded: a hidden page decodes nothing ahead, and `decode()` would not end there. */
function arrived(image) {
  return new Promise((resolve, reject) => {
    image.addEventListener("load", resolve);
    image.addEventListener("error", reject);
  });
}

function sizeWithin({ width, height }, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
    resizeQuality: "high",
  };
}

/** Puts the bitmap of a card in place, unless the picture was made anew or let go of meanwhile. */
function show(entry, { revision }, bitmap, longest) {
  if (entry.card?.revision !== revision) {
    bitmap.close();
    return;
  }
  entry.canvas ??= document.createElement("canvas");
  entry.canvas.width = bitmap.width;
  entry.canvas.height = bitmap.height;
  entry.canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  entry.loaded = longest;
}
