"use strict";
(() => {
  document.documentElement.classList.add("js");
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Sorting: scores that compete, then others, then missing ones, whatever the direction.
  const place = (entry, index) => {
    const cell = entry.rows[0].cells[index];
    if (cell.dataset.text !== undefined) return { tier: 0, value: cell.dataset.text };
    return { tier: Number(cell.dataset.tier), value: Number(cell.dataset.value) };
  };
  const compare = (a, b, sign) => {
    if (a.tier !== b.tier) return a.tier - b.tier;
    if (a.tier === 2 || a.value === b.value) return 0;
    return (a.value < b.value ? -1 : 1) * sign;
  };
  const sortBy = (table, header) => {
    const first = header.querySelector("button").dataset.first;
    const other = first === "ascending" ? "descending" : "ascending";
    const direction = header.getAttribute("aria-sort") === first ? other : first;
    all("thead th", table).forEach((th) => th.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    for (const group of ["method", "ablation", "control"]) {
      const entries = all(`tbody[data-group="${group}"]`, table);
      if (!entries.length) continue;
      const end = entries[entries.length - 1].nextSibling;
      entries
        .map((entry) => ({ entry, at: place(entry, header.cellIndex) }))
        .sort((a, b) => compare(a.at, b.at, sign))
        .forEach(({ entry }) => table.insertBefore(entry, end));
    }
    const said = document.querySelector(`[data-said="${table.id}"]`);
    said.textContent = `Sorted by ${header.textContent.trim()}, ${direction}.`;
  };
  all("table.scores:not(.shares)").forEach((table) => {
    all("thead th", table).forEach((header) => {
      header.querySelector("button").addEventListener("click", () => sortBy(table, header));
    });
  });

  all("[data-paper]").forEach((box) => {
    const show = () => {
      document.getElementById(box.dataset.paper).classList.toggle("no-paper", !box.checked);
    };
    box.addEventListener("change", show);
    show();
  });

  // Rows that have every word that was typed, and the tag that was chosen.
  all("[data-filter]").forEach((box) => {
    const table = document.getElementById(box.dataset.filter);
    const [words, tag] = [box.querySelector("input"), box.querySelector("select")];
    const entries = all("tbody.entry", table);
    const show = () => {
      const wanted = words.value.toLowerCase().split(/\s+/);
      entries.forEach((entry) => {
        const { search, tags } = entry.dataset;
        const fits = !tag.value || tags.split(" ").includes(tag.value);
        entry.hidden = !(fits && wanted.every((word) => search.includes(word)));
      });
      all(".divide", table).forEach((line) => {
        line.hidden = !entries.some((e) => e.dataset.group === line.dataset.of && !e.hidden);
      });
      const shown = entries.filter((entry) => !entry.hidden).length;
      document.querySelector(`[data-said="${table.id}"]`).textContent = `${shown} of ${entries.length} rows.`;
    };
    words.addEventListener("input", show);
    tag.addEventListener("change", show);
  });

  // The best and worst faces by one metric, worst first.
  all("[data-faces]").forEach((select) => {
    const list = document.getElementById(select.dataset.faces);
    const rank = (face) => {
      const found = face.dataset.ranks.split(" ").find((part) => part.startsWith(`${select.value}:`));
      return found === undefined ? -1 : Number(found.split(":")[1]);
    };
    const show = () => {
      const faces = all("li", list);
      faces.sort((a, b) => rank(a) - rank(b)).forEach((face) => {
        face.hidden = rank(face) < 0;
        all("[data-metric]", face).forEach((note) => {
          note.hidden = note.dataset.metric !== select.value;
        });
        list.append(face);
      });
    };
    select.addEventListener("change", show);
    show();
  });

  // One dataset at a time, or all; an address within one opens it, and a fold that it is in.
  const boards = all(".board");
  const follow = () => {
    const target = document.getElementById(location.hash.slice(1));
    const board = target && target.closest(".board");
    if (boards.length > 1) {
      const whole = location.hash === "#all";
      const chosen = board || (target && !whole ? boards.find((b) => !b.hidden) : boards[0]);
      boards.forEach((b) => {
        b.hidden = !whole && b !== chosen;
      });
      all("[data-boards] a").forEach((link) => {
        const here = link.hash === (whole ? "#all" : `#${chosen.id}`);
        if (here) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    }
    if (target && target.matches("details")) target.open = true;
    if (board) target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  // Before and after: the pictures are those of the grid, so that each is in the file once.
  const copy = (from, to) => {
    to.src = from.src;
    to.alt = from.alt;
  };
  const compareFaces = (root) => {
    const grid = document.getElementById(root.dataset.grid);
    const part = (selector) => root.querySelector(selector);
    const [method, face] = [part("[data-method]"), part("[data-face]")];
    const [range, stage, missing] = [part("input"), part(".stage"), part("[data-missing]")];
    const buttons = all("button", grid);

    const cut = () => {
      stage.style.setProperty("--cut", `${range.value}%`);
      range.setAttribute("aria-valuetext", `${range.value} % source, the rest corrected`);
    };
    const show = () => {
      const row = grid.tBodies[0].rows[Number(face.value)];
      const chosen = buttons.find(
        (b) => b.dataset.method === method.value && b.dataset.face === face.value,
      );
      buttons.forEach((b) => b.setAttribute("aria-pressed", String(b === chosen)));
      const name = method.selectedOptions[0].textContent;
      part("[data-name]").textContent = name;
      const source = row.cells[0];
      const other = chosen || source;
      copy(source.querySelector(".portrait"), part(".before"));
      copy(source.querySelector(".eyes"), part(".eyes-before"));
      copy(other.querySelector(".portrait"), part(".after"));
      copy(other.querySelector(".eyes"), part(".eyes-after"));
      part(".eyes-after").parentElement.hidden = !chosen;
      part(".tag-after").hidden = !chosen;
      missing.hidden = Boolean(chosen);
      missing.textContent = chosen ? "" : `${name} has no picture of this face; both sides show the source.`;
    };
    range.addEventListener("input", cut);
    [method, face].forEach((select) => select.addEventListener("change", show));
    buttons.forEach((button) => {
      button.addEventListener("click", () => {
        method.value = button.dataset.method;
        face.value = button.dataset.face;
        show();
        root.scrollIntoView({ block: "nearest" });
        range.focus({ preventScroll: true });
      });
    });
    cut();
    show();
  };
  all(".compare").forEach(compareFaces);
})();
