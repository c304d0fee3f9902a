/** The program of a worker of `codec/pool.ts`: takes a block, does its work, hands the buffers back. */
import { answerRequests } from "../../platform/worker_pool.ts";
import { runBlock } from "./block.ts";

export const answer = answerRequests("codec worker", runBlock, ({ source, target }) => [source, target]);
