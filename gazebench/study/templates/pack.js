/* A study in one file: answers lie in the browser's storage, and go back as a file. */
(function () {
  "use strict";
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const key = `gazebench/study/${facts.code}`;
  const part = (name) => document.querySelector(`[data-part=${name}]`);
  const questions = [...document.querySelectorAll("[data-part=question]")];
  let kept = { consented: null, answers: [] };
  try { kept = JSON.parse(localStorage.getItem(key)) || kept; } catch { /* no storage: until the page is closed */ }
  const keep = () => { try { localStorage.setItem(key, JSON.stringify(kept)); } catch { /* likewise */ } };

  const fill = (section) => {
    for (const image of section ? section.querySelectorAll("img[data-mark]") : []) {
      if (!image.src) image.src = `data:image/jpeg;base64,${facts.pictures.data[facts.pictures.marks[image.dataset.mark]]}`;
    }
  };

  const show = (section) => {
    for (const other of document.querySelectorAll("main > section")) other.hidden = other !== section;
    section.querySelector("h1").focus({ preventScroll: true });
    scrollTo(0, 0);
  };

  const next = () => {
    if (!kept.consented) return;
    const number = kept.answers.length;
    if (number === questions.length) return show(part("done"));
    const section = questions[number];
    fill(section);
    show(section);
    fill(questions[number + 1]);
    window.gazebenchStudy.watch(section.querySelector("form"), (fields) => {
      kept.answers.push({ ...fields, time: new Date().toISOString() });
      keep();
      next();
    });
  };

  part("agree").addEventListener("submit", (event) => {
    event.preventDefault();
    kept.consented = new Date().toISOString();
    keep();
    next();
  });
  part("save").addEventListener("click", () => {
    const content = { format: facts.format, study: facts.study, code: facts.code, ...kept };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content)], { type: "application/json" }));
    link.download = `answers-${facts.code.slice(0, 11)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
  next();
})();
