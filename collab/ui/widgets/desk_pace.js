// How far and how fast: the pace of one sitting, and one's progress through a study. Knows nothing of the items.
const STEP_MS = 500; // as finely as Insights counts the time on an item (study_schema.py), so that both say the same

function sittingPace() {
  let paces_ms = [];

  function median_s() {
    const sorted = paces_ms.map((ms) => (Math.floor(ms / STEP_MS) + 0.5) * STEP_MS).sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    const median_ms = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return sorted.length < 3 ? null : median_ms / 1000; // of one or two there is no pace to tell
  }

  return {
    add: (took_ms) => paces_ms.push(took_ms),
    takeBack: () => paces_ms.pop(),
    clear() {
      paces_ms = [];
    },
    median_s,
    total: () => ({ items: paces_ms.length, minutes: paces_ms.reduce((sum, ms) => sum + ms, 0) / 60000 }),
  };
}

function studyProgress() {
  let answered = 0;
  let of = null; // set once: a goal that moved with single answers would tell which items were checks
  let atMost = false; // whether fewer than that may come

  return {
    clear() {
      [answered, of, atMost] = [0, null, false];
    },
    // exact: told in reply to this page's own acts, so it counts just what has arrived
    learn(told, exact) {
      if (!told) return;
      const { quota = 0, left = null, total = null, at_most = false } = told;
      const reachable = left === null ? null : (told.answered || 0) + left;
      if (exact) answered = told.answered || 0;
      if (of === null) atMost = at_most;
      of ??= quota ? Math.min(quota, reachable ?? quota) : (reachable ?? total);
    },
    // with the acts that are still on their way
    shown(acts) {
      const sum = Math.max(
        0,
        acts.reduce((count, act) => count + (act.counts || 0), answered),
      );
      return { answered: sum, of: of && Math.max(of, sum), atMost };
    },
  };
}
