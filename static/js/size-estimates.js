/**
 * AVIF in relation to WebP of the same quality, in bytes: the server's encoder on seven photographs at 150 to 1280 pixels,
 * median of quality 50, and of 70 and 85. Browsers can't write AVIF.
 */
const AVIF_BY_WEBP = { low: 0.8, high: 1.2, highFrom: 60 };

/** Estimates how large pictures will be, one at a time; what is under way is dropped when the options change. */
export class SizeEstimates {
  #onEstimate;
  #done = new WeakMap();
  #turn = 0;
  #running = Promise.resolve();

  /** @param {(upload: object, bytes: number|null) => void} onEstimate null: it can't be told */
  constructor(onEstimate) {
    this.#onEstimate = onEstimate;
  }

  /** Estimates these uploads with these options, as far as that is not done. */
  start(uploads, options) {
    this.#turn += 1;
    const turn = this.#turn;
    this.#running = this.#running.then(() => this.#estimate(uploads, options, turn));
  }

  /** Estimates no more. */
  stop() {
    this.#turn += 1;
  }

  async #estimate(uploads, options, turn) {
    const wanted = JSON.stringify(options);
    for (const upload of uploads) {
      if (turn !== this.#turn) return;
      if (this.#done.get(upload) === wanted) continue;
      const bytes = await estimatedSize(upload.file, options);
      if (turn !== this.#turn) return;
      this.#done.set(upload, wanted);
      this.#onEstimate(upload, bytes);
    }
  }
}

/** About how many bytes the picture in `file` will have; null when the browser can't tell. Never rejects. */
export async function estimatedSize(file, { width, format, quality }) {
  const mayMove = file.type === "image/gif" && (format ?? "webp") === "webp";
  if (mayMove) return null; // every frame would count
  try {
    const type = (format ?? "jpeg") === "jpeg" ? "image/jpeg" : "image/webp";
    const canvas = await drawn(file, width, type);
    const blob = await canvas.convertToBlob({ type, quality: quality / 100 });
    if (blob.type !== type) return null; // a browser that can't write WebP makes a PNG
    if (format === "avif") return blob.size * (quality < AVIF_BY_WEBP.highFrom ? AVIF_BY_WEBP.low : AVIF_BY_WEBP.high);
    return file.type === type ? Math.min(blob.size, file.size) : blob.size; // the original wins when it is smaller
  } catch {
    return null;
  }
}

async function drawn(file, most, type) {
  const natural = await sizeOf(file);
  const width = Math.min(most, natural.width);
  const height = Math.max(1, Math.round((natural.height * width) / natural.width));
  const size = { resizeWidth: width, resizeHeight: height };
  const bitmap = await createImageBitmap(file, { ...size, resizeQuality: "medium", imageOrientation: "from-image" });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (type === "image/jpeg") {
    context.fillStyle = "#fff"; // transparency is put on white
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas;
}

/** The pixels of a picture, upright, without decoding it. */
async function sizeOf(file) {
  const image = new Image();
  const url = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => {
      image.addEventListener("load", resolve);
      image.addEventListener("error", reject);
      image.src = url;
    });
    return { width: image.naturalWidth, height: image.naturalHeight };
  } finally {
    URL.revokeObjectURL(url);
  }
}
