// The worker: decodes, prepares and infers, so that the page stays alive. It is a classic script, as LiteRT.js loads
// its own by importScripts. Messages: {id, verb, ...} in; {id, result} or {id, error} out, in their order.

const loading = import("./model.js");
const models = new Map();
let folder;
let turn = Promise.resolve();

const verbs = {
  async open({ place }) {
    folder = await (await loading).Folder.open(place);
    const { name, version, task, classes } = folder.contract;
    return { name, version, task, classes, files: folder.rows.map((row) => ({ path: row.path, kind: row.kind })) };
  },
  async predict({ file, given, show }) {
    await verbs.load({ file });
    return models.get(file).predict(given, show);
  },
  async load({ file }) {
    if (!models.has(file)) models.set(file, await folder.model(file));
  },
  async verify() {
    return folder.verify();
  },
};

async function answer(message) {
  try {
    const result = await verbs[message.verb](message);
    postMessage({ id: message.id, result }, result?.shown ? [result.shown] : []);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const { EdgeError } = await import("./tensors.js").catch(() => ({}));
    postMessage({ id: message.id, error: EdgeError && error instanceof EdgeError ? said : `unexpected: ${said}` });
  }
}

self.onmessage = ({ data }) => {
  turn = turn.then(() => answer(data));
};
