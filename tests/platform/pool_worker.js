/** A worker for `worker_pool_test.ts`. */
import { answerRequests } from "../../platform/worker_pool.ts";
import { work } from "./pool_worker_work.ts";

export const answer = answerRequests("test worker", work, ({ bytes }) => [bytes.buffer]);
