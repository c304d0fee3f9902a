/** The page as a bundler gets it, which knows where it puts the codec. */
import { provideAssets } from "@dinograd/dinograd";
import decoder from "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm";
import encoder from "@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm";
import "./page.js";

provideAssets({
  "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm": new URL(decoder, import.meta.url),
  "@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm": new URL(encoder, import.meta.url),
});
