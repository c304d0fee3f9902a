/** The program of one data worker (see `loader.ts`): answers a request with the sample, whose pixels are moved. */
import { answerRequests } from "../../platform/worker_pool.ts";
import { loadSample, type Sample, type SampleRequest } from "./batch.ts";

answerRequests<SampleRequest, Sample>(loadSample, ({ pixels }) => [pixels.buffer]);
