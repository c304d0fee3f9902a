/** The program of a worker of `codec/pool.ts`: takes a block, does its work, hands the buffers back. */
import { answerRequests } from "../../platform/worker_pool.ts";
import { type CodecBlock, type CodecResult, runBlock } from "./block.ts";

answerRequests<CodecBlock, CodecResult<CodecBlock>>(runBlock, ({ source, target }) => [source, target]);
