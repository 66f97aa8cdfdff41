/* The labelling screen: one key per face. In FiftyOne's App it is a panel that talks to the operators
   of this plugin; in a page made by `gazebench label pack` it keeps its votes in the browser. Plain
   JavaScript, no build step: `mount` draws the screen, a "backend" says where faces come from. */
(function () {
  "use strict";

  const CHOICES = [
    { vote: "X", label: "Looks at the camera", keys: "F or 1" },
    { vote: "Y", label: "Looks elsewhere", keys: "J or 2" },
    { vote: "unsure", label: "Unsure", keys: "U or 3" },
    { vote: "reject", label: "Bad image", keys: "R or 4" },
  ];
  const KEYS = { f: "X", 1: "X", j: "Y", 2: "Y", u: "unsure", 3: "unsure", r: "reject", 4: "reject" };
  const NAMES = Object.fromEntries(CHOICES.map((choice) => [choice.vote, choice.label]));
  const AHEAD = 24; // faces asked for at once
  const PRELOADED = 6;
  const BATCH = 50; // events in one message
  const WAITS = [500, 1000, 2000, 4000, 8000]; // milliseconds before the next try
  const HEADER = 99; // pixels of the App above its panel, so that the face stays where it is
  const PAUSE = 60000; // a longer look does not count as speed
  const AGAIN = 60000; // milliseconds before a missing picture is asked for again

  const CSS = `
    :host { all: initial; display: block; height: 100%; }
    * { box-sizing: border-box; }
    .screen { --ink: #f0f2f3; --muted: #a9b3ba; --line: #495057; --key: #30363b; --accent: #78cfcb;
      font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; color: var(--ink);
      background: #24282b; height: 100%; min-height: 100%; overflow: auto; padding: 12px 20px 20px;
      display: flex; flex-direction: column; }
    h1 { font-size: 1.35em; margin: 0 0 .3em; letter-spacing: -.01em; }
    p { margin: 0; }
    button { font: inherit; color: inherit; background: var(--key); border: 1px solid var(--line);
      border-radius: 8px; padding: .55em .9em; cursor: pointer; }
    @media (hover: hover) { button:hover { border-color: var(--accent); } } /* a thumb leaves no trace */
    button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    button:disabled { opacity: .45; cursor: default; }
    .bar { display: flex; flex-wrap: wrap; align-items: center; gap: .35em 1.1em; width: 100%;
      max-width: 916px; margin: 0 auto .7em; font-variant-numeric: tabular-nums; }
    .bar .grow { flex: 1; }
    .bar button { padding: .3em .7em; font-size: .9em; }
    .muted { color: var(--muted); }
    .unsaved { color: #f4bf75; font-weight: 600; }
    .trouble { color: #f4bf75; width: 100%; }
    .track { height: 5px; border-radius: 3px; background: #3a4146; width: 100%; overflow: hidden; }
    .track i { display: block; height: 100%; background: var(--accent); width: 0; }
    .face { display: flex; gap: 24px; justify-content: center; }
    .portrait { width: min(512px, 62vh); aspect-ratio: 1; flex: 0 1 auto; align-self: center; min-width: 0; background: #1c1f21; border-radius: 8px; overflow: hidden; }
    .portrait img { width: 100%; height: 100%; display: block; }
    .eyes { display: flex; flex-direction: column; gap: 16px; justify-content: center; width: min(372px, 45vh); min-width: 0; }
    .eyes canvas { width: 100%; aspect-ratio: 3 / 2; border-radius: 8px; background: #1c1f21; display: block; }
    .choices { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; width: 100%; max-width: 916px; margin: 14px auto 0; }
    .choices button { padding: .75em .5em; font-weight: 600; }
    .choices .keys { display: block; color: var(--muted); font-weight: 400; font-size: .85em; }
    .choices .pressed { border-color: var(--accent); background: #2d4645; }
    .votes { display: flex; flex-wrap: wrap; gap: .3em 1.2em; max-width: 916px; width: 100%; margin: 0 auto .6em; }
    .feedback { width: 100%; max-width: 916px; margin: 14px auto 0; padding: .8em 1em; border-radius: 8px; background: #30363b; border-left: 5px solid var(--accent); }
    .feedback.differs { border-left-color: #f4bf75; }
    .guide { max-width: 1100px; margin: 0 auto; width: 100%; }
    .guide > p { max-width: 46em; margin-bottom: .8em; }
    .guide h2 { font-size: 1.05em; margin: 1.3em 0 .5em; }
    .worked { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(190px, 45%), 1fr)); gap: 14px; }
    .worked figure { margin: 0; }
    .worked img { width: 100%; aspect-ratio: 1; display: block; border-radius: 8px 8px 0 0; }
    .worked canvas { width: 50%; aspect-ratio: 3 / 2; display: inline-block; vertical-align: top; }
    .worked figcaption { font-size: .88em; line-height: 1.4; padding-top: .35em; }
    .start { margin: 1.4em 0 1em; font-weight: 600; background: #2d4645; border-color: var(--accent); }
    .end { margin: auto; text-align: center; }
    .end button { margin-top: 1em; }
    @media (max-width: 700px) {
      .screen { padding: 10px 12px 12px; }
      .face { flex-direction: column; gap: 8px; align-items: center; }
      .portrait { width: min(100%, 46vh); }
      .eyes { flex-direction: row; gap: 8px; width: 100%; }
      .eyes canvas { width: calc(50% - 4px); }
      .foot { position: sticky; bottom: 0; margin-top: auto; padding-top: 10px; background: #24282b; }
      .choices { grid-template-columns: 1fr 1fr; gap: 8px; margin-top: 0; }
      .feedback { margin: 0 0 10px; }
      .bar [data-part=speed], .hint { display: none; }
      .choices button { min-height: 56px; }
      .choices .keys { display: none; }
    }`;

  const make = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "onclick") node.addEventListener("click", value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child != null));
    return node;
  };

  const uuid = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };

  /* An eye box (left, top, right, bottom as shares of the side) with its surroundings, enlarged. */
  const drawEye = (canvas, image, box) => {
    const side = image.naturalWidth;
    const width = 1.5 * (box[2] - box[0]) * side;
    const height = (width * 2) / 3;
    const left = ((box[0] + box[2]) / 2) * side - width / 2;
    const top = ((box[1] + box[3]) / 2) * side - height / 2;
    canvas.width = 760;
    canvas.height = Math.round((760 * 2) / 3);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, left, top, width, height, 0, 0, canvas.width, canvas.height);
  };

  /* Votes that the server has not acknowledged; they outlive the tab. Each tab keeps its own list, and
     takes over those of tabs before it: an event that two tabs send is stored once. */
  class Outbox {
    constructor(backend, place, changed) {
      this.backend = backend;
      this.changed = changed;
      this.place = place;
      this.key = `gazebench/outbox/${place}/${uuid()}`;
      const left = Object.keys(localStorage).filter((key) => key.startsWith(`gazebench/outbox/${place}/`));
      this.events = left.flatMap((key) => JSON.parse(localStorage.getItem(key)));
      try {
        if (left.length) localStorage.setItem(this.key, JSON.stringify(this.events));
        left.forEach((key) => localStorage.removeItem(key));
      } catch {} // full: what was there stays
      this.trouble = "";
      this.tries = 0;
      this.busy = false;
      this.timer = 0;
    }
    put(event) {
      this.events.push(event);
      this.keep();
      this.send();
    }
    keep() {
      try {
        if (this.events.length) localStorage.setItem(this.key, JSON.stringify(this.events));
        else localStorage.removeItem(this.key);
      } catch { // full, or forbidden: they stay in this tab
        if (this.events.length) this.trouble = "This browser keeps nothing; do not close this tab before all is saved.";
      }
      this.changed();
    }
    async send() {
      if (this.busy || !this.events.length) return;
      this.busy = true;
      const batch = this.events.slice(0, this.single ? 1 : BATCH);
      try {
        const saved = new Set(await this.backend.save(batch));
        this.events = this.events.filter((event) => !saved.has(event.event));
        this.trouble = this.single ? this.trouble : "";
        this.tries = 0;
        this.single = false;
      } catch (error) {
        if (error.refused && batch.length === 1) this.setAside(batch[0], error);
        else if (error.refused) this.single = true; // find the one that is refused
        else this.tries += 1;
        if (!error.refused) this.trouble = error.message;
      }
      this.busy = false;
      this.keep();
      clearTimeout(this.timer);
      const wait = this.tries ? WAITS[Math.min(this.tries, WAITS.length) - 1] : 0;
      if (this.events.length) this.timer = setTimeout(() => this.send(), wait);
    }
    setAside(event, error) {
      const key = `gazebench/refused/${this.place}`;
      const refused = JSON.parse(localStorage.getItem(key) || "[]");
      localStorage.setItem(key, JSON.stringify([...refused, event]));
      this.events = this.events.filter((other) => other.event !== event.event);
      this.trouble = `A vote was refused: ${error.message}`;
      this.single = this.events.length > 0;
    }
    get unsaved() { // faces done that the server does not know of
      const counted = this.events.filter((event) => event.round === "label" || event.round === "adjudicate");
      return counted.reduce((sum, event) => sum + (event.vote === "undo" ? -1 : 1), 0);
    }
    get held() {
      return this.events.map((event) => event.portrait);
    }
  }

  class Screen {
    constructor(place, backend) {
      this.backend = backend;
      this.queue = [];
      this.history = [];
      this.gone = new Map();
      this.images = new Map();
      this.pressed = []; // times of the newest votes
      this.done = 0;
      this.total = 0;
      this.view = "wait";
      this.trouble = "";
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      const shadow = place.shadowRoot || place.attachShadow({ mode: "open" });
      shadow.adoptedStyleSheets = [sheet];
      this.root = make("div", { class: "screen", tabindex: "0" });
      shadow.replaceChildren(this.root);
      window.addEventListener("keydown", (event) => this.key(event), true);
      window.addEventListener("online", () => this.outbox && this.outbox.send());
      this.begin();
    }

    async begin() {
      let facts;
      try {
        facts = await this.backend.start();
        Object.assign(this, { annotator: facts.annotator, examples: facts.examples, training: facts.training });
        this.isAdjudication = facts.round === "adjudicate";
        this.lessons = facts.training.length;
      } catch (error) {
        this.root.replaceChildren(make("p", { class: "end" }, `${error.message} Trying again …`));
        setTimeout(() => this.begin(), 2000);
        return;
      }
      this.outbox = new Outbox(this.backend, facts.place, () => this.mark());
      this.takeOver(facts.place);
      if (facts.first) this.take(facts.first);
      this.outbox.send();
      this.build();
      if (this.isAdjudication || !this.training.length) this.label();
      else this.guide();
    }

    /* One tab at a time: in two, a face would be decided on twice. The newest one continues. */
    takeOver(place) {
      const key = `gazebench/tab/${place}`;
      const mine = uuid();
      window.addEventListener("storage", (event) => {
        if (event.key !== key || !event.newValue || event.newValue === mine) return;
        this.view = "elsewhere";
        this.root.replaceChildren(make("div", { class: "end" }, make("h1", {}, "You continue in another tab"),
          make("button", { "data-part": "here", onclick: () => location.reload() }, "Continue here")));
      });
      try {
        localStorage.setItem(key, mine);
      } catch {} // full: both continue
    }

    /* What stays on the screen for as long as it is open. */
    build() {
      const choices = CHOICES.map(({ vote, label, keys }) =>
        make("button", { "data-vote": vote, onclick: (event) => this.press(vote, event.timeStamp) }, label,
          make("span", { class: "keys" }, keys)));
      this.parts = {
        where: make("span", { "data-part": "where" }),
        saved: make("span", { role: "status", "aria-live": "polite", "data-part": "saved" }),
        speed: make("span", { class: "muted", "data-part": "speed" }),
        trouble: make("span", { class: "trouble", role: "alert" }),
        track: make("i"),
        portrait: make("div", { class: "portrait", "data-part": "portrait" }),
        eyes: [make("canvas", { role: "img", "aria-label": "left eye, enlarged" }),
          make("canvas", { role: "img", "aria-label": "right eye, enlarged" })],
        votes: make("div", { class: "votes" }),
        feedback: make("div", { class: "feedback", role: "status", "data-part": "feedback" }),
        choices: make("div", { class: "choices" }, ...choices),
        undo: make("button", { "data-part": "undo", onclick: () => this.undo() }, "Undo", make("span", { class: "hint" }, " (Z)")),
      };
      const { where, saved, speed, trouble, track, portrait, eyes, votes, feedback, undo } = this.parts;
      this.bar = make("div", { class: "bar" }, make("b", {}, this.annotator), where, saved, speed,
        make("span", { class: "grow" }), undo,
        make("button", { "data-part": "help", onclick: () => this.guide() }, "Examples", make("span", { class: "hint" }, " (?)")),
        this.backend.extra ? this.backend.extra(this) : null,
        make("div", { class: "track" }, track), trouble);
      this.stage = [this.bar, votes, make("div", { class: "face" }, portrait, make("div", { class: "eyes" }, ...eyes)),
        make("div", { class: "foot" }, feedback, this.parts.choices)];
      feedback.hidden = true;
      feedback.style.display = "none";
    }

    guide() {
      this.view = "guide";
      const worked = this.examples.map((example) => {
        const image = make("img", { src: this.backend.example(example.id), alt: NAMES[example.answer] });
        const eyes = [make("canvas"), make("canvas")];
        image.addEventListener("load", () => eyes.forEach((canvas, n) => drawEye(canvas, image, example.eyes[n])));
        const caption = make("figcaption", {}, make("b", {}, NAMES[example.answer]), make("br"), example.why);
        return make("figure", {}, image, ...eyes, caption);
      });
      const go = () => (this.training.length && !this.isAdjudication ? this.train() : this.label());
      const words = this.training.length ? `Start with ${this.training.length} faces for practice` : "Continue";
      this.root.replaceChildren(make("div", { class: "guide" },
        make("h1", {}, "Is this person looking at the camera?"),
        make("p", {}, "Look at both enlarged eyes and at the head. Decide on your impression, within a second or two. Where the head is turned, the question is whether the eyes come back to you."),
        make("p", {}, make("span", { class: "hint" }, "Keys: F camera, J elsewhere, U unsure, R bad image, Z undo. "), "Nobody sees what you say, and you do not see what others say; some faces come twice."),
        make("button", { class: "start", "data-part": "start", onclick: go }, words),
        make("div", { class: "worked" }, ...worked)));
      this.go = go;
      this.root.scrollTop = 0;
    }

    train() {
      this.view = "training";
      this.root.replaceChildren(...this.stage);
      this.show({ ...this.training[0], round: "training" });
    }

    label() {
      this.view = "label";
      this.hideFeedback();
      this.root.replaceChildren(...this.stage);
      this.root.focus({ preventScroll: true });
      if (this.face && this.face.round !== "training") this.show(this.face);
      else this.advance();
      this.mark();
    }

    /* The image of a face, decoded before it is needed. */
    image(face) {
      const key = face.id;
      if (!this.images.has(key)) {
        const image = new Image();
        image.alt = "the face to decide on";
        const address = face.round === "training" ? this.backend.example(face.id) : this.backend.face(face);
        const ready = (async () => {
          for (let tries = 0; ; tries += 1) {
            image.src = address;
            try {
              await image.decode();
              return image;
            } catch {
              if (await this.backend.isGone(address)) { this.drop(face); return image; }
              await new Promise((resolve) => setTimeout(resolve, WAITS[Math.min(tries, WAITS.length - 1)]));
              image.src = "";
            }
          }
        })();
        const entry = { image, ready, isReady: false };
        ready.then(() => (entry.isReady = true));
        this.images.set(key, entry);
      }
      return this.images.get(key);
    }

    /* A face whose picture is not there: the dataset was built again, or its file is damaged. It is
       left out, and tried again after a while. */
    drop(face) {
      this.images.delete(face.id);
      this.gone.set(face.id, performance.now());
      this.queue = this.queue.filter((other) => other.id !== face.id);
      if (this.view === "label" && this.face === face) this.advance();
    }

    isGone(face) {
      return performance.now() - (this.gone.get(face.id) ?? -Infinity) < AGAIN;
    }

    preload() {
      const near = this.queue.slice(0, PRELOADED);
      near.forEach((face) => this.image(face));
      const kept = new Set([this.face, ...near, ...this.history.slice(-3).map((h) => h.face)].filter(Boolean).map((f) => f.id));
      for (const key of this.images.keys()) if (!kept.has(key)) this.images.delete(key);
    }

    show(face) {
      this.face = face;
      this.isShown = false;
      const entry = this.image(face);
      const put = () => {
        if (this.face !== face) return;
        this.parts.portrait.replaceChildren(entry.image);
        this.parts.portrait.setAttribute("data-id", face.id);
        this.parts.eyes.forEach((canvas, n) => drawEye(canvas, entry.image, face.eyes[n]));
        this.isShown = true;
        this.since = performance.now();
        if (this.onFace) this.onFace();
      };
      if (entry.isReady) put();
      else {
        this.parts.portrait.replaceChildren();
        entry.ready.then(put);
      }
      const votes = Object.entries(face.votes || {});
      this.parts.votes.replaceChildren(...votes.map(([who, vote]) => make("span", {}, make("span", { class: "muted" }, `${who}: `), make("b", {}, vote))));
      this.preload();
      this.mark();
    }

    advance() {
      this.face = null;
      this.isShown = false;
      if (this.queue.length) this.show(this.queue.shift());
      else if (this.isEnded) this.finish();
      if (this.queue.length < AHEAD / 2) this.ask();
    }

    async ask() {
      if (this.isAsking) return;
      this.isAsking = true;
      let wait = 0;
      const held = [this.face, ...this.queue].filter(Boolean).map((face) => face.id);
      try {
        const answer = await this.backend.next([...held, ...this.outbox.held], AHEAD);
        const fresh = this.take(answer);
        this.isEnded = answer.faces.every((face) => this.isGone(face)) && !held.length && !this.outbox.events.length;
        this.trouble = "";
        if (!fresh) wait = this.outbox.events.length ? 300 : 20000; // others' votes may bring more
      } catch (error) {
        this.trouble = error.message;
        wait = 2000;
      }
      this.isAsking = false;
      if (this.view === "label" && !this.face) {
        if (this.queue.length) this.show(this.queue.shift());
        else if (this.isEnded) this.finish();
      }
      this.preload();
      this.mark();
      clearTimeout(this.asking);
      if (wait) this.asking = setTimeout(() => this.ask(), wait);
      else if (this.queue.length < AHEAD / 2 && !this.isEnded) this.asking = setTimeout(() => this.ask(), 1000);
    }

    /* Faces and numbers of an answer; how many of the faces are new. */
    take(answer) {
      const fresh = answer.faces.filter((face) => !this.holds(face));
      this.queue.push(...fresh);
      this.done = answer.done + this.outbox.unsaved;
      this.total = Math.max(answer.total, this.done);
      return fresh.length;
    }

    /* Whether a face is here already, or was decided on while the server answered. */
    holds(face) {
      const here = [this.face, ...this.queue, ...this.history.map((past) => past.face)].filter(Boolean);
      return here.some((other) => other.id === face.id && other.round === face.round) || this.outbox.held.includes(face.id) || this.isGone(face);
    }

    finish() {
      if (this.view !== "label") return;
      this.root.replaceChildren(this.bar, make("div", { class: "end" }, make("h1", {}, "All done, thank you!"),
        make("p", { class: "muted" }, this.backend.ending || "Faces on which others disagree may still come; you can leave this open, or close it."),
        this.backend.extra ? this.backend.extra(this) : null));
      this.mark();
    }

    event(face, vote, milliseconds) {
      return { event: uuid(), annotator: this.annotator, portrait: face.id, vote, milliseconds,
        time: new Date().toISOString(), round: face.round };
    }

    /* `when`: of the key or the click, which may be handled late: what was pressed before a face
       was there is no vote on it. */
    press(vote, when) {
      if (this.view === "feedback") { this.nextLesson(); return; }
      if (!this.isShown || (this.view !== "label" && this.view !== "training")) return;
      const spent = Math.round(when - this.since);
      if (spent < 0) return;
      const face = this.face;
      this.outbox.put(this.event(face, vote, spent));
      const button = this.parts.choices.querySelector(`[data-vote=${vote}]`);
      button.classList.add("pressed");
      setTimeout(() => button.classList.remove("pressed"), 120);
      if (this.view === "training") { this.feedback(face, vote); return; }
      if (face.round !== "repeat") this.done += 1;
      this.history.push({ face });
      this.pressed = [...this.pressed, when].slice(-30);
      this.advance();
    }

    feedback(face, vote) {
      this.view = "feedback";
      const same = vote === face.answer;
      const { feedback } = this.parts;
      feedback.className = same ? "feedback" : "feedback differs";
      feedback.replaceChildren(make("b", {}, same ? `Yes: ${NAMES[face.answer]}. ` : `Others say: ${NAMES[face.answer]}. `),
        face.why, make("br"), make("span", { class: "muted" }, "Press any of the four to continue."));
      feedback.hidden = false;
      feedback.style.display = "";
    }

    hideFeedback() {
      this.parts.feedback.hidden = true;
      this.parts.feedback.style.display = "none";
    }

    nextLesson() {
      this.hideFeedback();
      this.training.shift();
      this.face = null;
      if (this.training.length) this.train();
      else this.label();
    }

    async undo() {
      if (this.view !== "label" || this.isUndoing) return;
      const last = this.history.pop();
      let face = last && last.face;
      if (face) {
        this.outbox.put(this.event(face, "undo", null));
      } else if (!this.outbox.events.length) { // of an earlier visit: the server knows
        this.isUndoing = true;
        try {
          face = (await this.backend.undo()).face;
        } catch (error) {
          this.trouble = error.message;
        }
        this.isUndoing = false;
        if (this.view !== "label") return;
      }
      if (!face) { this.mark(); return; }
      if (face.round !== "repeat") this.done = Math.max(0, this.done - 1);
      if (this.face) this.queue.unshift(this.face);
      this.queue = this.queue.filter((other) => other.id !== face.id);
      this.isEnded = false;
      this.root.replaceChildren(...this.stage);
      this.show(face);
    }

    key(event) {
      const path = event.composedPath();
      const typing = path.some((node) => node.tagName === "INPUT" || node.tagName === "TEXTAREA" || node.isContentEditable);
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !this.root.isConnected || !this.parts) return;
      const key = event.key.toLowerCase();
      const isButton = path.some((node) => node.tagName === "BUTTON");
      const isNext = (key === "enter" || key === " ") && !isButton;
      let act = null;
      if (KEYS[key] && this.view !== "guide") act = () => this.press(KEYS[key], event.timeStamp);
      else if (key === "z" || key === "backspace") act = () => this.undo();
      else if (key === "?" && this.view !== "elsewhere") act = () => this.guide();
      else if (isNext && this.view === "feedback") act = () => this.nextLesson();
      else if (isNext && this.view === "guide") act = () => this.go();
      if (!act) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!event.repeat) act(); // a key that is held down is one vote
    }

    /* The line on top: where, saved or not, how fast. */
    mark() {
      if (!this.parts) return;
      const { where, saved, speed, trouble, track, undo } = this.parts;
      const waiting = this.outbox ? this.outbox.events.length : 0;
      const isTraining = this.view === "training" || this.view === "feedback";
      const lesson = this.lessons - this.training.length + 1;
      where.textContent = isTraining ? `practice ${lesson} of ${this.lessons}` : `${this.done.toLocaleString("en")} of ${this.total.toLocaleString("en")}`;
      track.style.width = `${(100 * (isTraining ? lesson / this.lessons : this.done / Math.max(1, this.total))).toFixed(2)}%`;
      saved.textContent = waiting ? `${waiting} not saved yet` : "all saved";
      saved.className = waiting ? "unsaved" : "muted";
      speed.textContent = this.speed();
      trouble.textContent = (waiting && this.outbox.trouble) || (this.outbox.trouble.startsWith("A vote") && this.outbox.trouble) || this.trouble;
      undo.disabled = this.view !== "label";
    }

    speed() {
      const times = this.pressed;
      const gaps = times.slice(1).map((time, n) => time - times[n]).filter((gap) => gap < PAUSE);
      if (gaps.length < 5) return "";
      return `${Math.round((3600000 * gaps.length) / Math.max(1, gaps.reduce((a, b) => a + b))).toLocaleString("en")} faces an hour`;
    }
  }

  /* The operators of this plugin, asked directly: an answer comes, or an error within ten seconds. */
  const server = {
    async run(operator, params) {
      const control = new AbortController();
      const timer = setTimeout(() => control.abort(), 10000);
      let response;
      try {
        response = await fetch("/operators/execute", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ operator_uri: `@gazebench/label/${operator}`, params }),
          signal: control.signal,
        });
      } catch {
        throw new Error("The server cannot be reached; your votes are kept here and sent later.");
      } finally {
        clearTimeout(timer);
      }
      if (response.status === 403) throw new Error("This link is not valid any more; ask for a new one. Your votes are kept here.");
      if (!response.ok) throw new Error(`The server has trouble (${response.status}); your votes are kept here and sent later.`);
      const { result, error } = await response.json();
      if (error || !result || result.trouble) {
        const why = result && result.trouble ? ` (${result.trouble})` : "";
        throw new Error(`The server has trouble${why}; your votes are kept here and sent later.`);
      }
      if (result.refused) throw Object.assign(new Error(result.refused), { refused: true });
      return result;
    },
    start() { return this.run("start", {}); },
    next(held, count) { return this.run("next_faces", { held, count }); },
    async save(events) { return (await this.run("vote", { events })).saved; },
    undo() { return this.run("undo", {}); },
    face(face) { return `/gazebench/faces/${encodeURIComponent(face.id)}`; },
    async isGone(address) {
      try {
        return (await fetch(address)).status === 404;
      } catch {
        return false;
      }
    },
    example(id) { return `/gazebench/examples/${encodeURIComponent(id)}`; },
  };

  const mount = (place, backend) => new Screen(place, backend);

  /* This file runs twice in FiftyOne's App: its page (`app_page.py`) shows the screen before the App is
     there, and the App loads the plugin, whose panel takes over the screen as it is. */
  const label = (window.gazebenchLabel = window.gazebenchLabel || { mount, uuid });

  const host = (backend) => {
    if (!label.host) {
      label.host = make("div", { style: "height: 100%; width: 100%" });
      label.screen = mount(label.host, backend);
    }
    return label.host;
  };

  /* The screen over the whole page: before the App is there, and while it has lost its server. */
  const cover = (screen) => {
    const strip = make("p", { style: `box-sizing: border-box; height: ${HEADER}px; margin: 0; padding: 38px 20px; color: #a9b3ba` },
      "FiftyOne's App is loading around this screen; you need not wait for it.");
    screen.style.height = `calc(100% - ${HEADER}px)`;
    document.body.append(make("div", { id: "gazebench-cover", style: "position: fixed; inset: 0; z-index: 1000; background: #262626; font: 15px system-ui, sans-serif" }, strip, screen));
  };

  const into = (panel, screen) => {
    const over = document.getElementById("gazebench-cover");
    const top = label.screen.root.scrollTop; // forgotten by a move
    screen.style.height = "100%";
    panel.append(screen);
    label.screen.root.scrollTop = top;
    if (over) over.remove();
  };

  /* The panel goes: behind another tab, so that keys do nothing until it is back, or with all of the
     App, which then says that it has no server; the screen needs none for the faces that it has. */
  const outOf = (panel, screen) => {
    if (screen.parentNode !== panel) return; // a newer panel has it
    screen.remove();
    setTimeout(() => {
      if (!screen.isConnected && !document.querySelector("[data-cy^=panel-tab]")) cover(screen);
    }, 100);
  };

  /* The screen at once; then the App, once a face is there and drawn. */
  const begin = (facts) => {
    const app = document.getElementById("gazebench-app");
    const load = () => {
      if (app.isConnected) document.head.append(document.importNode(app.content, true));
      app.remove();
      localStorage.setItem("fiftyone-enterprise-tooltip-seen", "true"); // it would lie over the eyes
    };
    cover(host({ ...server, start: async () => facts }));
    label.screen.onFace = () => requestAnimationFrame(() => setTimeout(load));
    setTimeout(load, 2000); // worked examples, or no faces left
  };

  const facts = document.getElementById("gazebench-start");
  if (facts && !label.host) begin(JSON.parse(facts.textContent));

  const plugins = window.__fop__;
  if (plugins && window.React) {
    const { createElement, useEffect, useRef } = window.React;
    const Panel = () => {
      const place = useRef(null);
      useEffect(() => {
        const panel = place.current;
        const screen = host(server);
        into(panel, screen);
        return () => outOf(panel, screen);
      }, []);
      return createElement("div", { ref: place, style: { height: "100%", width: "100%" } });
    };
    plugins.registerComponent({
      name: "GazeLabel",
      label: "Label",
      component: Panel,
      type: plugins.PluginComponentType.Component,
      activator: () => true,
    });
  }
})();
