const AGAIN_AFTER_MS = 5_000;
const FETCH_LIMIT_MS = 8_000;

/**
 * Fetches single cards that the gallery lost sight of: one whose upload was accepted so long ago that it is too old by
 * now for what the gallery remembers.
 */
export class LostCards {
  #config;
  #onFound;
  #onGone;
  #asked = new Map(); // id: whether somebody has asked again since it was looked for

  /** @param {{config: object, onFound: (card: object) => void, onGone: (id: string) => void}} options */
  constructor({ config, onFound, onGone }) {
    this.#config = config;
    this.#onFound = onFound;
    this.#onGone = onGone;
  }

  /** Looks for this card by its position; at most once in a few seconds. Who asks sooner is answered later. */
  async lookUp({ id, position }) {
    if (this.#asked.has(id)) {
      this.#asked.set(id, true);
      return;
    }
    this.#asked.set(id, false);
    const isAnswered = await this.#look(id, position);
    setTimeout(() => {
      const isWanted = this.#asked.get(id) || !isAnswered;
      this.#asked.delete(id);
      if (isWanted) this.lookUp({ id, position });
    }, AGAIN_AFTER_MS);
  }

  async #look(id, position) {
    const query = new URLSearchParams({ limit: 1, before: position + 1 });
    try {
      const answer = await fetch(`${this.#config.images_url}?${query}`, {
        headers: { Accept: "application/json" },
        cache: "no-store",
        signal: AbortSignal.timeout(FETCH_LIMIT_MS),
      });
      if (!answer.ok) return false;
      const [card] = (await answer.json()).images;
      if (card?.id === id) this.#onFound(card);
      else this.#onGone(id);
      return true;
    } catch {
      return false;
    }
  }
}
