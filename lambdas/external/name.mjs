/** Not allowed in a name: control characters, line separators, lone surrogates, and marks that reorder text. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u;

/** 1 to 100 characters; with the `u` flag a character is a code point, as in JSON Schema. */
const LENGTH = /^.{1,100}$/su;

/** The name in a parsed message, without white space around it; `undefined` if there is no usable name. */
export function usableName(message) {
  if (typeof message?.name !== "string") return undefined;
  const name = message.name.trim();
  return LENGTH.test(name) && !UNSAFE.test(name) ? name : undefined;
}
