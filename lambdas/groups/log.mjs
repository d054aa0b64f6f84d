/**
 * Writes each log entry as one line of JSON, with the fields of Lambda's own JSON log format.
 *
 * Nothing that a caller sends can forge a line: JSON escapes line breaks.
 */
export function makeLog(write, context) {
  return (level, message, fields) =>
    write(
      JSON.stringify({ timestamp: new Date().toISOString(), level, requestId: context?.awsRequestId, message, ...fields }),
    );
}

/** Writes directly to standard output: the runtime's `console` would put text before the JSON or wrap it again. */
export function writeLine(line) {
  process.stdout.write(`${line}\n`);
}
