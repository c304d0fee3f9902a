export class Num {
  static readonly tape: (() => void)[] = [];
  grad = 0;

  constructor(readonly value: number) {}

  mul(other: Num): Num {
    const out = new Num(this.value * other.value);
    Num.tape.push(() => {
      this.grad += out.grad * other.value;
      other.grad += out.grad * this.value;
    });
    return out;
  }

  div(other: Num): Num {
    const out = new Num(this.value / other.value);
    Num.tape.push(() => {
      this.grad += out.grad / other.value;
      other.grad -= out.grad * out.value / other.value;
    });
    return out;
  }

  exp(): Num {
    const out = new Num(Math.exp(this.value));
    Num.tape.push(() => this.grad += out.grad * out.value);
    return out;
  }

  backward(): void {
    this.grad = 1;
    for (const send of Num.tape.splice(0).reverse()) send();
  }
}
