/* The backend of a page without a server: faces lie in the page, votes in the browser's storage, and
   they go back as one file. */
(function () {
  "use strict";
  const pack = JSON.parse(document.getElementById("pack").textContent);
  const key = `gazebench/votes/${pack.id}`;
  const stored = () => JSON.parse(localStorage.getItem(key) || "[]");

  /* The newest event of each face and round that was not taken back, oldest first. */
  const standing = () => {
    const newest = new Map();
    for (const event of stored()) {
      const name = `${event.round} ${event.portrait}`;
      newest.delete(name);
      newest.set(name, event);
    }
    return [...newest.values()].filter((event) => event.vote !== "undo");
  };

  const download = () => {
    const content = JSON.stringify({ format: pack.format, events: stored() });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
    link.download = `votes-${pack.annotator}-${pack.id}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const backend = {
    async start() {
      const seen = new Set(standing().filter((event) => event.round === "training").map((event) => event.portrait));
      const training = pack.training.filter((example) => !seen.has(example.id));
      return { place: `pack/${pack.id}`, annotator: pack.annotator, round: "label", examples: pack.examples, training };
    },
    async next(held, count) {
      const done = new Set(standing().map((event) => `${event.round} ${event.portrait}`));
      const left = pack.faces.filter((face) => !done.has(`${face.round} ${face.id}`));
      const faces = left.filter((face) => !held.includes(face.id)).slice(0, count);
      return { faces, done: pack.faces.length - left.length, total: pack.faces.length };
    },
    async save(events) {
      const there = stored();
      const known = new Set(there.map((event) => event.event));
      const fresh = events.filter((event) => !known.has(event.event)).map((event) => ({ ...event, client: "pack" }));
      localStorage.setItem(key, JSON.stringify([...there, ...fresh]));
      return events.map((event) => event.event);
    },
    async undo() {
      const last = standing().filter((event) => event.round !== "training").pop();
      if (!last) return { face: null };
      const undone = { ...last, event: window.gazebenchLabel.uuid(), vote: "undo", milliseconds: null, time: new Date().toISOString() };
      await this.save([undone]);
      return { face: pack.faces.find((face) => face.id === last.portrait && face.round === last.round) || null };
    },
    face: (face) => pack.pictures[face.id],
    isGone: async () => false,
    example: (id) => pack.pictures[id],
    ending: "Please send the file with your votes back: press \u201cSave votes\u201d.",
    extra() {
      const button = document.createElement("button");
      button.textContent = "Save votes";
      button.dataset.part = "download";
      button.title = "Writes one small file to send back; you can continue afterwards";
      button.addEventListener("click", download);
      return button;
    },
  };
  window.gazebenchLabel.mount(document.getElementById("screen"), backend);
})();
