const AGAIN_AFTER_MS = 5_000;

/**
 * Fetches single cards that the gallery lost sight of: one whose upload was accepted so long ago that it is too old by
 * now for what the gallery remembers.
 */
export class LostCards {
  #config;
  #onFound;
  #asked = new Set();

  /** @param {{config: object, onFound: (card: object) => void}} options */
  constructor({ config, onFound }) {
    this.#config = config;
    this.#onFound = onFound;
  }

  /** Looks for this card by its position; at most once in a few seconds. Nothing happens when it is gone. */
  async lookUp({ id, position }) {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    setTimeout(() => this.#asked.delete(id), AGAIN_AFTER_MS);
    const query = new URLSearchParams({ limit: 1, before: position + 1 });
    try {
      const answer = await fetch(`${this.#config.images_url}?${query}`, { headers: { Accept: "application/json" } });
      const card = answer.ok ? (await answer.json()).images[0] : null;
      if (card?.id === id) this.#onFound(card);
    } catch {
      // The feed is told of the connection; the next change asks again.
    }
  }
}
