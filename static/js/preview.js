let previous = Promise.resolve();

/**
 * Draws the middle of the picture in `file` on `canvas`. Resolves to whether that worked; a file that the browser can't
 * decode leaves the canvas as it was. One after the other: a hundred decoded photographs don't fit into a phone.
 */
export function drawPreview(file, canvas) {
  const drawn = previous.then(() => draw(file, canvas)).catch(() => false);
  previous = drawn;
  return drawn;
}

async function draw(file, canvas) {
  const bitmap = await decode(file, canvas.width * 2);
  const scale = Math.max(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  bitmap.close();
  return true;
}

async function decode(file, width) {
  try {
    return await createImageBitmap(file, { resizeWidth: width, resizeQuality: "medium", imageOrientation: "from-image" });
  } catch {
    return createImageBitmap(file); // an older browser that can't resize while it decodes
  }
}
