// The service worker: keeps what the page is made of, so that it answers without network. The name of what is kept has
// the sum of the export in it (service.js?sum=...): a new export is fetched anew, and the old one is removed.
// Of the two forms of the runtime that one is kept which this browser has asked for.

const SCOPE = self.registration.scope;
const KEPT = `kerasvision ${SCOPE} ${new URL(self.location).searchParams.get("sum")}`;
const LIST = "files.json";

async function keep() {
  const { files } = await (await fetch(LIST, { cache: "no-cache" })).json();
  const cache = await caches.open(KEPT);
  const wanted = ["./", LIST, ...files.filter((name) => !name.startsWith("runtime/litert_wasm"))];
  await cache.addAll(wanted.map((name) => new Request(new URL(name, SCOPE), { cache: "no-cache" })));
}

async function forget() {
  const old = (await caches.keys()).filter((name) => name.startsWith(`kerasvision ${SCOPE} `) && name !== KEPT);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(KEPT);
  const isList = new URL(request.url).pathname.endsWith(`/${LIST}`);
  const held = await cache.match(request, { ignoreSearch: true });
  if (held && !isList) return held;
  try {
    const response = await fetch(request);
    if (response.ok && !isList) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    if (held) return held;
    throw error;
  }
}

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});
self.addEventListener("activate", (event) => event.waitUntil(forget()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && event.request.url.startsWith(SCOPE)) event.respondWith(answer(event.request));
});
