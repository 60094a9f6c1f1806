// Files of the folder that are compressed, since not every host compresses.

// The bytes of a .gz; others as they are: a host that names the encoding of a .gz has it unpacked by the browser.
export async function inflated(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
