// Nothing that the server says is missed. Gradio's client listens to one stream, which the server closes when nothing
// is under way; what is asked for at that moment is answered while the client still takes the stream for open, and it
// listens to nobody (seen in gradio 6.31): a generation stays unseen until the next click. Here a stream that closes
// on something asked for is opened again, and the client never learns that there were two.
(() => {
  const LONGEST_MS = 1000; // the client leaves at once
  const fetched = window.fetch.bind(window);
  const waiting = new Set(); // ids of events that the server took and did not end yet
  const early = new Set(); // ids of events that ended before their taking was heard of
  let left = Promise.resolve(); // when the client has left the stream that it was told is closed

  async function join(request) {
    const answer = await fetched(request);
    if (!answer.ok) return answer;
    const { event_id: id } = await answer.clone().json();
    if (!early.delete(id)) waiting.add(id);
    await left;
    return answer;
  }

  function ended(id) {
    if (!waiting.delete(id)) early.add(id);
  }

  async function* lines(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { value, done } = await reader.read();
      const whole = (rest + (value ?? "")).split("\n");
      rest = whole.pop();
      yield* whole;
      if (done) return;
    }
  }

  // What a line of the stream tells, for the two kinds of message that matter here.
  function told(line) {
    return /"msg":"(close_stream|process_completed)"/.test(line) ? JSON.parse(line.slice("data:".length)) : {};
  }

  function leaving(signal) {
    return new Promise((leave) => {
      signal.addEventListener("abort", leave);
      setTimeout(leave, LONGEST_MS);
    });
  }

  // The lines of a stream, and of those that follow it while something is waited for.
  async function* listen(request, answer) {
    let open = answer;
    while (open) {
      const current = open;
      let closed = false;
      open = null;
      for await (const line of lines(current)) {
        const { msg, event_id: id } = told(line);
        if (msg === "process_completed") ended(id);
        if (msg === "close_stream" && waiting.size) {
          open = await fetched(request.clone());
          if (!open.ok) throw new Error(`The stream could not be opened again: ${open.status}.`);
          break;
        }
        if (msg === "close_stream") {
          closed = true;
          left = leaving(request.signal);
        }
        yield line;
      }
      if (!open && !closed) waiting.clear(); // it broke off: what it still owed never comes
    }
  }

  async function stream(request) {
    const answer = await fetched(request.clone());
    if (!answer.ok) return answer;
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      async start(out) {
        try {
          for await (const line of listen(request, answer)) out.enqueue(encoder.encode(`${line}\n`));
          out.close();
        } catch (error) {
          if (request.signal.aborted) return; // the client has left
          waiting.clear();
          out.error(error);
        }
      },
    });
    return new Response(body, { status: answer.status, headers: answer.headers });
  }

  window.fetch = (input, options) => {
    const url = String(input instanceof Request ? input.url : input);
    if (url.includes("/queue/join")) return join(new Request(input, options));
    if (url.includes("/queue/data?")) return stream(new Request(input, options));
    return fetched(input, options);
  };
})();
