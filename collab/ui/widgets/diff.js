// Word-level difference of two texts: Myers' O(ND) algorithm (Myers 1986) after trimming what both ends share.
// CJK text has no spaces, so there each character is a word.
const TOKENS =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|(?:(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}])[\p{L}\p{N}\p{M}_'’-])+|\s+|[^]/gu;
const MAX_EDITS = 3000; // beyond this many changed words a text is a rewrite, and is shown as one

// [[kind, text], …] with kind "same", "del" or "ins"
function diffWords(before, after) {
  const a = before.match(TOKENS) || [];
  const b = after.match(TOKENS) || [];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const runs = [];
  push(runs, "same", a.slice(0, head).join(""));
  for (const [kind, text] of myers(a.slice(head, a.length - tail), b.slice(head, b.length - tail))) {
    push(runs, kind, text);
  }
  push(runs, "same", a.slice(a.length - tail).join(""));
  return foldSpaces(runs);
}

function push(runs, kind, text) {
  if (!text) return;
  const last = runs[runs.length - 1];
  if (last && last[0] === kind) last[1] += text;
  else runs.push([kind, text]);
}

function myers(a, b) {
  const n = a.length;
  const m = b.length;
  const rewrite = [
    ["del", a.join("")],
    ["ins", b.join("")],
  ];
  if (!n || !m) return rewrite;
  const most = Math.min(n + m, MAX_EDITS);
  const offset = most + 1;
  const v = new Int32Array(2 * most + 3);
  const trace = [];
  for (let d = 0; d <= most; d++) {
    trace.push(v.slice(offset - d - 1, offset + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && v[offset + k - 1] < v[offset + k + 1]);
      let x = down ? v[offset + k + 1] : v[offset + k - 1] + 1;
      let y = x - k;
      while (x < n && y < m && a[x] === b[y]) {
        x++;
        y++;
      }
      v[offset + k] = x;
      if (x >= n && y >= m) return backtrack(trace, a, b);
    }
  }
  return rewrite;
}

function backtrack(trace, a, b) {
  const steps = [];
  let x = a.length;
  let y = b.length;
  for (let d = trace.length - 1; d >= 0; d--) {
    const v = trace[d]; // v[i] holds diagonal i - d - 1
    const at = (k) => v[k + d + 1];
    const k = x - y;
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const previousK = down ? k + 1 : k - 1;
    const previousX = d === 0 ? 0 : at(previousK);
    const previousY = d === 0 ? 0 : previousX - previousK;
    while (x > previousX && y > previousY) {
      steps.push(["same", a[x - 1]]);
      x--;
      y--;
    }
    if (d === 0) break;
    if (down) {
      steps.push(["ins", b[y - 1]]);
      y--;
    } else {
      steps.push(["del", a[x - 1]]);
      x--;
    }
  }
  return steps.reverse();
}

// "red big" → "blue small" reads better as one replacement than as two that share a space; deletions go first.
function foldSpaces(runs) {
  const folded = [];
  let del = "";
  let ins = "";
  const flush = () => {
    const gap = del.trim() && ins.trim() && del.match(/\s*$/)[0] === ins.match(/\s*$/)[0] ? del.match(/\s*$/)[0] : "";
    push(folded, "del", del.slice(0, del.length - gap.length));
    push(folded, "ins", ins.slice(0, ins.length - gap.length));
    push(folded, "same", gap); // a space that both end with has not changed
    del = "";
    ins = "";
  };
  runs.forEach(([kind, text], i) => {
    if (kind === "del") del += text;
    else if (kind === "ins") ins += text;
    else {
      const between = del && ins && i + 1 < runs.length && /^[^\S\n]+$/.test(text);
      if (between) {
        del += text;
        ins += text;
      } else {
        flush();
        push(folded, "same", text);
      }
    }
  });
  flush();
  return folded;
}

function renderDiff(node, runs) {
  const parts = runs.map(([kind, text]) =>
    kind === "same" ? document.createTextNode(text) : h(kind, { class: "cb-" + kind, text }),
  );
  node.replaceChildren(...parts);
}

function countChanges(runs) {
  const words = (kind) =>
    runs
      .filter((run) => run[0] === kind)
      .reduce((sum, run) => sum + (run[1].match(TOKENS) || []).filter((t) => t.trim()).length, 0);
  return { added: words("ins"), removed: words("del") };
}
