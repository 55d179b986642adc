// Two images that appear in one and the same frame, with their prompt; the next pair is decoded meanwhile.
const stages = new WeakMap();

function element(kind, className, parent) {
  const made = document.createElement(kind);
  made.className = className;
  parent.append(made);
  return made;
}

function picture(url, alt) {
  const image = new Image();
  image.decoding = "sync"; // painted with the frame that it belongs to, or not at all
  image.alt = alt;
  image.draggable = false;
  image.src = url;
  return image;
}

function stageIn(parent) {
  const root = element("div", "arena-pair", parent);
  const prompt = element("p", "arena-prompt", root);
  const sources = element("div", "arena-sources", root);
  const sides = element("div", "arena-sides", root);
  const left = element("div", "arena-side", sides);
  const right = element("div", "arena-side", sides);
  left.dataset.side = "Left";
  right.dataset.side = "Right";
  return { root, prompt, sources, left, right, loaded: new Map(), wanted: null, told: null };
}

function load(stage, pair) {
  if (!stage.loaded.has(pair.name)) {
    const left = picture(pair.left, "Left image");
    const right = picture(pair.right, "Right image");
    left.setAttribute("elementtiming", "left");
    right.setAttribute("elementtiming", "right");
    const sources = pair.sources.map((url, i) => picture(url, `Input image ${i + 1}`));
    stage.loaded.set(pair.name, { left, right, sources });
  }
  return stage.loaded.get(pair.name);
}

function decoded(pictures) {
  return Promise.all([pictures.left, pictures.right, ...pictures.sources].map((image) => image.decode()));
}

function swap(stage, pair, pictures) {
  stage.prompt.textContent = pair.prompt;
  stage.sources.replaceChildren(...pictures.sources);
  stage.left.replaceChildren(pictures.left);
  stage.right.replaceChildren(pictures.right);
  stage.root.dataset.shown = pair.name;
}

function show(stage, pair, painted) {
  stage.wanted = pair.name;
  const pictures = load(stage, pair);
  decoded(pictures).then(
    () => requestAnimationFrame(() => {
      if (stage.wanted !== pair.name) return;
      if (stage.root.dataset.shown !== pair.name) swap(stage, pair, pictures);
      // The frame after this one begins when this one is on its way to the screen.
      requestAnimationFrame(() => {
        if (stage.wanted !== pair.name || stage.told === pair.name) return;
        stage.told = pair.name;
        painted(pair.name);
      });
    }),
    () => {
      if (stage.wanted !== pair.name) return;
      stage.loaded.delete(pair.name);
      for (const side of [stage.left, stage.right]) side.replaceChildren();
      stage.prompt.textContent = "The images could not be loaded. Reload the page for another pair.";
    },
  );
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!stages.has(parentElement)) stages.set(parentElement, stageIn(parentElement));
  const stage = stages.get(parentElement);
  const kept = [data.shown, data.next].filter(Boolean);
  for (const name of stage.loaded.keys()) {
    if (!kept.some((pair) => pair.name === name)) stage.loaded.delete(name);
  }
  show(stage, data.shown, (name) => setTriggerValue("painted", name));
  if (data.next) decoded(load(stage, data.next)).catch(() => stage.loaded.delete(data.next.name));
}
