import { thumbHashToDataURL } from "../vendor/thumbhash-0.1.1/thumbhash.js";

/** A CSS image of what the picture roughly looks like, from its base64 ThumbHash; null when there is none. */
export function placeholderImage({ placeholder }) {
  if (!placeholder) return null;
  try {
    return `url("${thumbHashToDataURL(Uint8Array.from(atob(placeholder), (letter) => letter.charCodeAt(0)))}")`;
  } catch {
    return null; // no base64
  }
}
