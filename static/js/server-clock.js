/**
 * The present by the server's clock: addresses of pictures run out by that one, and a browser's may be hours off.
 * Until the server has told the time, it is no time yet: what the server has just sent has not run out.
 */
export class ServerClock {
  #offset = -Infinity;

  /** Takes in what time (ISO) the server says it is now. */
  hear(time) {
    const told = Date.parse(time);
    if (Number.isFinite(told)) this.#offset = told - Date.now();
  }

  /** Milliseconds since 1970. */
  now = () => Date.now() + this.#offset;
}
