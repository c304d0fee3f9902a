/** The program of one data worker (see `loader.ts`): answers a request with the sample, whose pixels are moved. */
import { answerRequests } from "../../platform/worker_pool.ts";
import { loadSample } from "./batch.ts";

export const answer = answerRequests("data worker", loadSample, ({ pixels }) => [pixels.buffer]);
