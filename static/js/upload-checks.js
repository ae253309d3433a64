/** What can be known about a file without sending it. */

const TYPES = new Set(
  ["jpeg", "pjpeg", "mpo", "png", "apng", "vnd.mozilla.apng", "gif", "webp"]
    .concat(["avif", "heic", "heif", "heic-sequence", "heif-sequence"])
    .map((name) => `image/${name}`),
);
const EXTENSIONS = new Set(
  ["jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "gif", "webp"].concat(
    ["avif", "avifs", "heic", "heics", "heif", "heifs", "hif"],
  ),
);

const UNKNOWN = new Set(["", "application/octet-stream"]);

/**
 * The code of the problem that makes sending `file` pointless, or null.
 * Only what is certain is refused: the content decides about the rest, and the server looks at it.
 */
export function problemWith(file, maxBytes) {
  if (file.size === 0) return "missing_file";
  if (file.size > maxBytes) return "too_large";
  return clearlyNoPicture(file) ? "unsupported_type" : null;
}

/** False when the file can't be read any more: moved, deleted, or a folder that was dropped. */
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function clearlyNoPicture({ name, type }) {
  const extension = /\.([^.]+)$/.exec(name)?.[1].toLowerCase();
  if (extension !== undefined && !EXTENSIONS.has(extension)) return true;
  return !UNKNOWN.has(type) && !TYPES.has(type);
}
