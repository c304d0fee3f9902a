/** The importer's tasks in a page: it fetches what it is given, and keeps its checkpoint in its private files (OPFS). */
import { importerTasks } from "./importer.js";

/** Writes a file of the page's own, and gives it back as the `Blob` that it is. */
async function store(bytes) {
  const folder = await navigator.storage.getDirectory();
  const file = await folder.getFileHandle("saved.dino", { create: true });
  const writable = await file.createWritable();
  await writable.write(bytes);
  await writable.close();
  return await file.getFile();
}

const read = async (name) => new Uint8Array(await (await fetch(`/given/${name}`)).arrayBuffer());

globalThis.tasksInPage = async (asked) => {
  const given = await (await fetch("/given/given.json")).json();
  return await importerTasks(given, asked, { read, store });
};
