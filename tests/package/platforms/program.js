/** The importer's tasks as a program of Node or Bun: in `given` is what it is given, an argument asks for a GPU. */
import { readFile, writeFile } from "node:fs/promises";
import { importerTasks } from "./importer.js";

const given = JSON.parse(await readFile("given/given.json", "utf8"));
const webgpu = process.argv.includes("--webgpu");
const results = await importerTasks(given, { webgpu }, {
  read: (name) => readFile(`given/${name}`),
  store: async (bytes) => {
    await writeFile("saved.dino", bytes);
    return await readFile("saved.dino");
  },
});
console.log(JSON.stringify(results));
